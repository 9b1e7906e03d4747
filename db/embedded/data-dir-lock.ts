// One service process per DATA_DIR. The lock is a file that names its holder by pid and start time, so that one left
// behind by a killed process is recognised and taken over.
import { randomUUID } from 'node:crypto';
import { link, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { EmbeddedPostgresFailure } from './embedded-failure.ts';
import { processStart } from './processes.ts';

export interface DataDirLock {
  /** Idempotent. */
  release(): Promise<void>;
}

/** @throws EmbeddedPostgresFailure when another process that is alive holds the lock. */
export async function lockDataDir(dataDir: string): Promise<DataDirLock> {
  const file = join(dataDir, 'service.lock');
  const mine = JSON.stringify({ pid: process.pid, started: await processStart(process.pid), token: randomUUID() });
  while (!(await create(file, mine))) {
    const held = await readHolder(file);
    if (held === null) continue;
    const pid = await livePid(held);
    if (pid !== null) {
      throw new EmbeddedPostgresFailure(
        `DATA_DIR ${dataDir} is in use by another running service (process ${pid})`,
        'stop that one, or set DATA_DIR to a folder of its own',
      );
    }
    await removeStale(file, held, mine);
  }
  return {
    async release() {
      if ((await readHolder(file)) === mine) await rm(file, { force: true });
    },
  };
}

/** Written first and linked to its place then: a lock that can be seen is a whole one. */
async function create(file: string, content: string): Promise<boolean> {
  const draft = `${file}.${randomUUID()}`;
  try {
    await writeFile(draft, content, { mode: 0o600 });
    await link(draft, file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(draft, { force: true });
  }
}

/** The file's content; null when it is gone. */
async function readHolder(file: string): Promise<string | null> {
  return await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
}

async function livePid(content: string): Promise<number | null> {
  try {
    const { pid, started } = JSON.parse(content) as { pid: number; started: string };
    return (await processStart(pid)) === started ? pid : null;
  } catch (error) {
    // Damaged: nobody who is alive leaves such a file.
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

/**
 * One at a time, so that nobody deletes the new lock of a process that was faster: while somebody clears, the lock is
 * looked at once more, and it is only ever a dead process's that is deleted.
 */
async function removeStale(file: string, expected: string, mine: string): Promise<void> {
  const clearing = `${file}.clearing`;
  if (!(await create(clearing, mine))) {
    const other = await readHolder(clearing);
    if (other !== null && (await livePid(other)) === null) await rm(clearing, { force: true });
    await wait(10);
    return;
  }
  try {
    if ((await readHolder(file)) === expected) await rm(file, { force: true });
  } finally {
    await rm(clearing, { force: true });
  }
}
