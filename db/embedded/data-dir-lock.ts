// One service process per DATA_DIR. The lock is a file that names its holder by pid and start time, so that one left
// behind by a killed process is recognised and taken over at once. In another container or on another machine, which may
// have the folder too, pids say nothing: there the holder shows that it lives by touching the file, and it is taken over
// once that has stood still for a while. A holder that is suspended for longer loses it (docs/operating.md).
import { randomUUID } from 'node:crypto';
import { link, open, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { EmbeddedPostgresFailure } from './embedded-failure.ts';
import { pidSpace, processStart } from './processes.ts';

export interface DataDirLock {
  /** false: somebody else has taken it over, or it was removed. */
  isHeld(): Promise<boolean>;
  /** Idempotent. */
  release(): Promise<void>;
}

export interface LockOptions {
  /** How long the lock of another container or machine must stand still to be taken over; default 15 s. */
  standstillMs?: number;
  /** Called before such a wait. */
  onWait?: (standstillMs: number) => void;
}

/** Often enough that a busy process or a slow file system may be late a few times. */
const touchEveryMs = 3_000;

/** @throws EmbeddedPostgresFailure when another process that is alive holds the lock. */
export async function lockDataDir(
  dataDir: string,
  { standstillMs = 15_000, onWait = () => {} }: LockOptions = {},
): Promise<DataDirLock> {
  const file = join(dataDir, 'service.lock');
  const space = await pidSpace();
  const mine = JSON.stringify({
    pid: process.pid,
    started: await processStart(process.pid),
    space,
    token: randomUUID(),
  });
  const liveHolder: LiveHolder = async (path, seen) => {
    const holder = parse(seen.content);
    if (!holder) return null;
    // An earlier version named none, and does not touch its lock.
    if (holder.space === undefined || holder.space === space) {
      return (await processStart(holder.pid)) === holder.started ? `process ${holder.pid}` : null;
    }
    onWait(standstillMs);
    return (await isTouched(path, seen, standstillMs)) ? 'in another container or on another machine' : null;
  };
  while (!(await create(file, mine))) {
    const held = await read(file);
    if (held === null) continue;
    const holder = await liveHolder(file, held);
    if (holder !== null) {
      throw new EmbeddedPostgresFailure(
        `DATA_DIR ${dataDir} is in use by another running service (${holder})`,
        'stop that one, or set DATA_DIR to a folder of its own',
      );
    }
    await removeStale(file, held, mine, liveHolder);
  }
  const isHeld = async () => (await read(file))?.content === mine;
  // What keeps it from that may be over the next time.
  const touch = () => void utimes(file, new Date(), new Date()).catch(() => {});
  const touching = setInterval(touch, touchEveryMs).unref();
  return {
    isHeld,
    async release() {
      clearInterval(touching);
      if (await isHeld()) await rm(file, { force: true });
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

interface Seen {
  content: string;
  touchedMs: number;
}

/** @returns who holds it, in words; null when nobody who is alive does. */
type LiveHolder = (file: string, seen: Seen) => Promise<string | null>;

/** null: it is gone. Opened anew, as a file system of a network asks its server only then. */
async function read(file: string): Promise<Seen | null> {
  try {
    await using handle = await open(file);
    const { mtimeMs } = await handle.stat();
    return { content: await handle.readFile('utf8'), touchedMs: mtimeMs };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

/** null: damaged; nobody who is alive leaves such a file. */
function parse(content: string): { pid: number; started: string; space?: string } | null {
  try {
    return JSON.parse(content);
  } catch {
    return null;
  }
}

/** By our clock alone: that of another machine may differ, and both stand still while a machine sleeps. */
async function isTouched(file: string, { content, touchedMs }: Seen, standstillMs: number): Promise<boolean> {
  for (const from = performance.now(); performance.now() - from < standstillMs; ) {
    await wait(Math.min(500, standstillMs / 10));
    const now = await read(file);
    // Given back, or somebody else's by now.
    if (now?.content !== content) return false;
    if (now.touchedMs !== touchedMs) return true;
  }
  return false;
}

/**
 * One at a time, so that nobody deletes the new lock of a process that was faster: while somebody clears, the lock is
 * looked at once more, and it is only ever a dead process's that is deleted.
 */
async function removeStale(file: string, expected: Seen, mine: string, liveHolder: LiveHolder): Promise<void> {
  const clearing = `${file}.clearing`;
  if (!(await create(clearing, mine))) {
    const other = await read(clearing);
    if (other !== null && (await liveHolder(clearing, other)) === null) await rm(clearing, { force: true });
    await wait(10);
    return;
  }
  try {
    if (isDeepStrictEqual(await read(file), expected)) await rm(file, { force: true });
  } finally {
    await rm(clearing, { force: true });
  }
}
