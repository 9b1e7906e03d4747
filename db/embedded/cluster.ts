// The folder of a PostgreSQL cluster and the server process on it: made by initdb, started detached (so that a Ctrl-C
// in the terminal reaches the service alone, which then stops the server last), watched through postmaster.pid.
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chown, mkdtemp, open, readdir, readFile, rename, rm, stat, statfs } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Account } from './account.ts';
import type { Binaries } from './binaries.ts';
import { EmbeddedPostgresFailure } from './embedded-failure.ts';
import { freePort } from './free-port.ts';
import { commandOf, processStart } from './processes.ts';

const run = promisify(execFile);

export interface Cluster {
  /** The data directory proper, `PGDATA`. */
  dir: string;
  /** The server's messages. */
  logFile: string;
  binaries: Binaries;
  account: Account | null;
}

/** Nothing of the service's own environment: PGPORT and the like would change what the programs do. */
const environment = { LC_ALL: 'C', TZ: 'UTC' };

/** How long a server may take to start (it may have a crash to recover from) or to write everything out at its end. */
const patienceMs = 120_000;

/** @returns whether the folder holds a cluster. @throws EmbeddedPostgresFailure when it holds something else. */
export async function clusterExists(dir: string): Promise<boolean> {
  const [folder, version] = await Promise.all([exists(dir), exists(join(dir, 'PG_VERSION'))]);
  if (folder && !version) {
    throw new EmbeddedPostgresFailure(
      `${dir} exists but is no PostgreSQL cluster (it has no PG_VERSION)`,
      'move that folder away, or set DATA_DIR to another one',
    );
  }
  return folder;
}

/**
 * Made beside its place and renamed into it, so that a cluster under its own name is always a whole one; what an
 * interrupted start left is deleted and made anew.
 */
export async function initCluster(
  { dir, binaries, account }: Cluster,
  user: string,
  passwordFile: string,
): Promise<void> {
  const prefix = `${basename(dir)}.new-`;
  const leftovers = (await readdir(dirname(dir))).filter((entry) => entry.startsWith(prefix));
  await Promise.all(
    leftovers.map((entry) => rm(join(dirname(dir), entry), { recursive: true, force: true, maxRetries: 5 })),
  );
  const unfinished = await mkdtemp(join(dirname(dir), prefix));
  if (account) await chown(unfinished, account.uid, account.gid);
  const flags = ['--encoding=UTF8', '--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8'];
  try {
    await run(
      binaries.initdb,
      [`--pgdata=${unfinished}`, `--username=${user}`, `--pwfile=${passwordFile}`, '--auth=scram-sha-256', ...flags],
      { env: environment, cwd: '/', ...account },
    );
  } catch (error) {
    await rm(unfinished, { recursive: true, force: true, maxRetries: 5 });
    const { stderr = String(error) } = error as { stderr?: string };
    throw serverFailure('the embedded PostgreSQL could not be initialised', stderr, error);
  }
  await rename(unfinished, dir);
}

export interface ServerProcess {
  pid: number;
  /** The mark of its start: once it has ended, its pid may be another's. */
  started: string;
}

export interface RunningServer extends ServerProcess {
  port: number;
  /** Only `ready` takes connections; `starting` and `stopping` are the others of interest. */
  status: string;
}

/** The server that runs on the cluster, if any. The pid file of one that is gone is removed. */
export async function runningServer({ dir }: Cluster): Promise<RunningServer | null> {
  const server = await readPidFile(dir);
  if (!server) return null;
  const started = await processStart(server.pid);
  if (started !== null && ((await commandOf(server.pid))?.includes(` -D ${dir} -c `) ?? true))
    return { ...server, started };
  // PostgreSQL would refuse to start: any process of that pid is a server to it, even one that is dead but not reaped
  // (in a container without an init). Sessions that survive their server are found by their shared memory instead.
  await rm(join(dir, 'postmaster.pid'), { force: true });
  return null;
}

/** postmaster.pid has the lines pid, data folder, start time, port, socket folder, listen address, shared memory, status. */
async function readPidFile(dir: string): Promise<Omit<RunningServer, 'started'> | null> {
  const content = await readFile(join(dir, 'postmaster.pid'), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  const lines = content.split('\n').map((line) => line.trim());
  const pid = Number(lines[0]);
  return pid ? { pid, port: Number(lines[3]), status: lines[7] ?? '' } : null;
}

/**
 * @param settings `port`: default a free one.
 * @param signal gives up a start that is under way.
 * @returns once the server takes connections. @throws EmbeddedPostgresFailure with the server's own reason.
 */
export async function startServer(
  cluster: Cluster,
  settings: Record<string, string | number>,
  signal?: AbortSignal,
): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const port = settings.port ?? (await freePort());
    const log = await open(cluster.logFile, 'a');
    const from = (await log.stat()).size;
    try {
      const flags = Object.entries({ ...settings, port }).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
      const child = spawn(cluster.binaries.postgres, ['-D', cluster.dir, ...flags], {
        env: environment,
        cwd: '/',
        detached: true,
        stdio: ['ignore', log.fd, log.fd],
        ...cluster.account,
      });
      await once(child, 'spawn');
      child.unref();
      if (await becomesReady(cluster, child, signal)) return;
      const said = (await readFile(cluster.logFile)).subarray(from).toString();
      // Somebody else may take the port between our look and the server's; sessions of a server that was killed take a
      // moment to notice.
      if (attempt < 5 && !signal?.aborted && /could not bind|could not create any TCP|is still in use/.test(said)) {
        await wait(100);
        continue;
      }
      throw serverFailure('the embedded PostgreSQL did not start', said || (await whySilent(cluster)));
    } finally {
      await log.close();
    }
  }
}

async function becomesReady(cluster: Cluster, child: ChildProcess, signal?: AbortSignal): Promise<boolean> {
  const deadline = Date.now() + patienceMs;
  const pid = child.pid!;
  const started = await processStart(pid);
  while (child.exitCode === null && child.signalCode === null) {
    const server = await readPidFile(cluster.dir);
    if (server?.pid === pid && server?.status === 'ready') return true;
    if (signal?.aborted || Date.now() > deadline) {
      if (started !== null) await stopServer(cluster, { pid, started });
      return false;
    }
    await wait(10);
  }
  return false;
}

/**
 * Fast shutdown: sessions are ended, everything is written out. A server that does not come to its end is ended by
 * force; it loses nothing, but recovers at its next start.
 */
export async function stopServer({ dir, binaries, account }: Cluster, server: ServerProcess): Promise<void> {
  if (process.platform === 'win32') {
    // There are no signals; pg_ctl speaks to the server's event object.
    await run(binaries.pg_ctl, ['stop', '-D', dir, '-m', 'fast', '-t', String(patienceMs / 1000)], { ...account });
    return;
  }
  if (await endsAfter(server, 'SIGINT', patienceMs)) return;
  if (await endsAfter(server, 'SIGQUIT', 10_000)) return;
  await endsAfter(server, 'SIGKILL', 10_000);
}

export async function stillRuns({ pid, started }: ServerProcess): Promise<boolean> {
  return (await processStart(pid)) === started;
}

async function endsAfter(server: ServerProcess, signal: NodeJS.Signals, timeoutMs: number): Promise<boolean> {
  if (!(await stillRuns(server))) return true;
  try {
    process.kill(server.pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return true;
    throw error;
  }
  const deadline = Date.now() + timeoutMs;
  while (await stillRuns(server)) {
    if (Date.now() > deadline) return false;
    await wait(10);
  }
  return true;
}

const lastWordsBytes = 10_000;

/** The last complaint in the server's log, with its time; else the last line. */
export async function lastWords({ logFile }: Cluster): Promise<string | undefined> {
  await using log = await open(logFile);
  const { size } = await log.stat();
  const { buffer, bytesRead } = await log.read({
    buffer: Buffer.alloc(lastWordsBytes),
    position: Math.max(size - lastWordsBytes, 0),
  });
  const lines = buffer.toString('utf8', 0, bytesRead).trimEnd().split('\n').slice(-20);
  return lines.findLast((line) => /FATAL|PANIC|terminated by signal/.test(line)) ?? lines.at(-1);
}

/** On a full disk the server cannot even write why it ends. */
async function whySilent({ logFile }: Cluster): Promise<string> {
  const { bavail, bsize } = await statfs(dirname(logFile));
  return bavail * bsize < 2 ** 20 ? 'No space left on device' : 'it said nothing';
}

/** The server's first complaint, as one line. */
function serverFailure(what: string, output: string, cause?: unknown): EmbeddedPostgresFailure {
  // Without the time and the pid before the level.
  const lines = output.split('\n').map((line) => line.replace(/^\S+ \S+ UTC \[\d+\] /, '').trim());
  const complaints = lines.filter((line) => /FATAL|PANIC|[Ee]rror:|DETAIL/.test(line));
  const reason = (complaints.length > 0 ? complaints : lines.filter((line) => line !== '')).slice(0, 2).join('; ');
  const remedy = /No space left/.test(output)
    ? 'free some disk space, or set DATA_DIR to a folder on another disk'
    : /incompatible with server/.test(output)
      ? 'set DATA_DIR to a new folder, or export the data with the version of the service that made it'
      : 'see postgres.log in DATA_DIR, or set DATABASE_URL to use another PostgreSQL';
  return new EmbeddedPostgresFailure(`${what}: ${reason}`, remedy, cause);
}

async function exists(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return false;
      throw error;
    },
  );
}
