// One service process per DATA_DIR. The lock is a file that names its holder by pid and start time, so that one left
// behind by a killed process is recognised and taken over.
import { randomUUID } from 'node:crypto';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
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
    await removeStale(file, held);
  }
  return {
    async release() {
      if ((await readHolder(file)) === mine) await rm(file, { force: true });
    },
  };
}

async function create(file: string, content: string): Promise<boolean> {
  try {
    await writeFile(file, content, { flag: 'wx', mode: 0o600 });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** The file's content; null when it is gone. A holder that has only just created the file gets time to fill it. */
async function readHolder(file: string): Promise<string | null> {
  for (let attempt = 0; ; attempt++) {
    try {
      const content = await readFile(file, 'utf8');
      if (content !== '' || attempt === 10) return content;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
      throw error;
    }
    await wait(20);
  }
}

async function livePid(content: string): Promise<number | null> {
  try {
    const { pid, started } = JSON.parse(content) as { pid: number; started: string };
    return (await processStart(pid)) === started ? pid : null;
  } catch (error) {
    // Cut short by a crash or a full disk: nobody who is alive leaves such a file.
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

/** Moves the lock away before deleting it: of two processes that found it stale, the slower must not delete the faster's new one. */
async function removeStale(file: string, expected: string): Promise<void> {
  const aside = `${file}.${randomUUID()}`;
  try {
    await rename(file, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  const moved = await readFile(aside, 'utf8');
  if (moved === expected) await rm(aside);
  else await rename(aside, file);
}
