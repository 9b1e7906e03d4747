// The PostgreSQL of the tests: one embedded server for a whole run, shared by every test file, and by runs of the same
// checkout that overlap. It is a throw-away cluster (fsync off) in memory or the temporary folder; the last user to leave stops
// and deletes it. Between processes it is handed over as after a crash: whoever comes adopts the running server.
import { createHash } from 'node:crypto';
import { existsSync, statfsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { type Connection, openPool } from '../db/client.ts';
import { lockDataDir } from '../db/embedded/data-dir-lock.ts';
import { EmbeddedPostgresFailure } from '../db/embedded/embedded-failure.ts';
import { isRunning } from '../db/embedded/processes.ts';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../db/embedded-postgres.ts';

const checkout = createHash('sha256')
  .update(import.meta.url)
  .digest('hex')
  .slice(0, 12);
const folder = join(memoryFolder() ?? tmpdir(), `bulk-tests-${process.getuid?.() ?? 0}-${checkout}`);
const dataDir = join(folder, 'data');
const usersDir = join(folder, 'users');

/**
 * A file system in memory, if it is large enough: a run takes 150 MB. ext4 needs 330 ms to make the files of a database where as many
 * have just been deleted, for it looks for an inode that was not (`recently_deleted()` in fs/ext4/ialloc.c), and 12 ms are all that it
 * takes in memory: a seventh of the suite's processor time. Decided by its size alone, for all processes of a run alike.
 */
function memoryFolder(): string | undefined {
  const shared = '/dev/shm';
  const { bsize, blocks } = existsSync(shared) ? statfsSync(shared) : { bsize: 0, blocks: 0 };
  return bsize * blocks >= 2 ** 30 ? shared : undefined;
}

/** Safe to lose: nothing outlives the run. */
const settings = {
  fsync: 'off',
  synchronous_commit: 'off',
  full_page_writes: 'off',
  max_connections: 400,
  // Every session maps what it uses of it anew, and every DROP DATABASE looks through all of it.
  shared_buffers: '64MB',
  // A client hashes the password as many times for every connection, some thousand times by default.
  scram_iterations: 1,
};

/** Starts or joins the server, which then stays until `leave(pid)`, or until that process is gone and another leaves. */
export async function enter(pid: number): Promise<Connection> {
  return await exclusively(async ({ connection }) => {
    await hashAnew(connection);
    await writeFile(join(usersDir, String(pid)), JSON.stringify(connection), { mode: 0o600 });
    return connection;
  });
}

/** The server's first password was hashed before it had its settings. */
async function hashAnew(connection: Connection): Promise<void> {
  const sql = openPool({ ...connection, database: 'postgres' }, { max: 1, name: 'bulk tests' });
  try {
    await sql.unsafe(`ALTER ROLE CURRENT_USER PASSWORD '${connection.password}'`);
  } finally {
    await sql.end({ timeout: 5 });
  }
}

/** The connection that `enter(pid)` gave, null if it was not called. */
export async function entered(pid: number): Promise<Connection | null> {
  try {
    return JSON.parse(await readFile(join(usersDir, String(pid)), 'utf8'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

/** Stops and deletes the server unless somebody else uses it. */
export async function leave(pid: number): Promise<void> {
  await exclusively(async (server) => {
    await rm(join(usersDir, String(pid)), { force: true });
    if (await inUse()) return;
    await server.stop();
    // Moved first: what a run that is killed here leaves behind is no half cluster.
    const gone = `${dataDir}.gone-${process.pid}`;
    await rename(dataDir, gone);
    await rm(gone, { recursive: true, force: true });
  });
}

async function inUse(): Promise<boolean> {
  for (const pid of await readdir(usersDir)) {
    if (await isRunning(Number(pid))) return true;
    await rm(join(usersDir, pid), { force: true });
  }
  return false;
}

async function exclusively<T>(work: (server: EmbeddedPostgres) => Promise<T>): Promise<T> {
  await mkdir(usersDir, { recursive: true });
  const lock = await waitForLock();
  try {
    const server = await startEmbeddedPostgres({ dataDir, schema: 'public', settings });
    try {
      return await work(server);
    } finally {
      // The server goes on without an owner; the next start adopts it.
      await rm(join(dataDir, 'service.lock'), { force: true });
    }
  } finally {
    await lock.release();
  }
}

/** Another run holds it for as long as a start or a stop takes. */
async function waitForLock(): ReturnType<typeof lockDataDir> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await lockDataDir(folder);
    } catch (error) {
      if (!(error instanceof EmbeddedPostgresFailure) || attempt === 600) throw error;
      await wait(100);
    }
  }
}
