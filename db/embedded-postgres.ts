// The PostgreSQL that comes with the service, in DATA_DIR:
//   postgres/          the cluster           postgres.log   what the server says
//   postgres.password  its only role's       service.lock   which process uses the folder
// It listens on 127.0.0.1 alone, on a free port, behind a random password. A service that was killed leaves its server
// running; the next start finds it by postmaster.pid and adopts it, or stops it when it does not answer. A server that
// ends by itself is started again.
import { randomBytes } from 'node:crypto';
import { chown, readFile, realpath, rm, stat, statfs, truncate, writeFile } from 'node:fs/promises';
import { totalmem } from 'node:os';
import { join } from 'node:path';
import type { Connection } from './client.ts';
import { openPool } from './client.ts';
import { openWay, serverAccount } from './embedded/account.ts';
import { findBinaries } from './embedded/binaries.ts';
import {
  type Cluster,
  clusterExists,
  initCluster,
  runningServer,
  startServer,
  stopServer,
} from './embedded/cluster.ts';
import { lockDataDir } from './embedded/data-dir-lock.ts';
import { EmbeddedPostgresFailure } from './embedded/embedded-failure.ts';
import { keepRunning, type Log } from './embedded/keep-running.ts';
import { makeFolder } from './make-folder.ts';
import { sqlstateOf } from './sqlstate.ts';

/** Name of the role and of the database. */
const name = 'bulk';

export interface EmbeddedPostgresOptions {
  dataDir: string;
  /** Schema of the resources' tables, for the connection. */
  schema: string;
  log?: Log | undefined;
  /** Server settings over the usual ones; ignored by a server that is adopted. */
  settings?: Record<string, string | number>;
}

export interface EmbeddedPostgres {
  connection: Connection;
  /** Stops the server and waits for its end; idempotent. */
  stop(): Promise<void>;
}

/**
 * Starts the embedded PostgreSQL, or adopts the one that a killed service left running on this folder.
 *
 * @throws EmbeddedPostgresFailure (package missing, folder in use, in another format or not writable, disk full …).
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const { schema, log, settings } = options;
  await makeFolder(options.dataDir);
  // One spelling, by which a server that runs on the folder is recognised.
  const dataDir = await realpath(options.dataDir);
  const lock = await lockDataDir(dataDir, {
    onWait: (standstillMs) =>
      log?.warn(
        { dataDir, seconds: standstillMs / 1000 },
        'DATA_DIR was not given back by a service in another container or on another machine, or before a reboot; waiting whether that one still lives',
      ),
  });
  let cluster: Cluster | undefined;
  try {
    cluster = await prepareCluster(dataDir, log);
    const password = await clusterPassword(cluster, dataDir);
    const connect = (port: number): Connection => {
      return { host: '127.0.0.1', port, user: name, password, database: name, ssl: false, schema };
    };
    const adopted = await adopt(cluster, connect);
    const allSettings = async () => ({ ...(await usualSettings(dataDir)), ...settings });
    if (!adopted) await startServer(cluster, await allSettings());
    const server = (await runningServer(cluster))!;
    await createDatabase(connect(server.port), passwordFileOf(dataDir));
    log?.info({ port: server.port, dataDir, adopted }, `Embedded PostgreSQL ${adopted ? 'adopted' : 'started'}`);
    const stopServing = keepRunning({ cluster, server, settings: allSettings, mayRestart: lock.isHeld, log });
    let stopped: Promise<void> | undefined;
    return {
      connection: connect(server.port),
      stop: () => {
        stopped ??= stopServing().finally(() => lock.release());
        return stopped;
      },
    };
  } catch (error) {
    const left = cluster && (await runningServer(cluster));
    if (left) await stopServer(cluster!, left);
    await lock.release();
    throw error;
  }
}

async function prepareCluster(dataDir: string, log: EmbeddedPostgresOptions['log']): Promise<Cluster> {
  const dir = join(dataDir, 'postgres');
  const [binaries, account] = [await findBinaries(), await serverAccount(dir)];
  if (account) {
    const folders = await openWay(account, [dataDir, binaries.initdb, binaries.postgres]);
    if (folders.length > 0)
      log?.warn({ folders }, 'Let the account of PostgreSQL, which cannot run as root, pass through');
  }
  return { dir, logFile: join(dataDir, 'postgres.log'), binaries, account };
}

const passwordFileOf = (dataDir: string) => join(dataDir, 'postgres.password');

/** The password of the cluster, which is made if need be. */
async function clusterPassword(cluster: Cluster, dataDir: string): Promise<string> {
  const file = passwordFileOf(dataDir);
  if (await clusterExists(cluster.dir)) {
    await shortenLog(cluster.logFile);
    return await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
      throw new EmbeddedPostgresFailure(
        `${file} is missing, and with it the way into ${cluster.dir}`,
        'restore that file',
      );
    });
  }
  const password = randomBytes(24).toString('base64url');
  await rm(file, { force: true });
  await writeFile(file, password, { mode: 0o600 });
  if (cluster.account) await chown(file, cluster.account.uid, cluster.account.gid);
  await initCluster(cluster, name, file);
  return password;
}

const logFileMaxBytes = 10_000_000;

async function shortenLog(file: string): Promise<void> {
  const size = await stat(file).then(
    (found) => found.size,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return 0;
      throw error;
    },
  );
  if (size > logFileMaxBytes) await truncate(file);
}

/** @returns false when no server runs on the cluster, or none any more: one that does not let us in is stopped. */
async function adopt(cluster: Cluster, connect: (port: number) => Connection): Promise<boolean> {
  const server = await runningServer(cluster);
  if (!server) return false;
  if (server.status === 'ready' && (await answers(connect(server.port), cluster.dir))) return true;
  await stopServer(cluster, server);
  return false;
}

async function answers(connection: Connection, clusterDir: string): Promise<boolean> {
  const sql = openPool({ ...connection, database: 'postgres' }, { max: 1, name: 'bulk start' });
  try {
    const [row] = await sql<{ folder: string }[]>`SELECT current_setting('data_directory') AS folder`;
    return row?.folder === clusterDir;
  } catch {
    // Whatever keeps it from answering, the caller stops it.
    return false;
  } finally {
    await sql.end({ timeout: 1 });
  }
}

async function createDatabase(connection: Connection, passwordFile: string): Promise<void> {
  const sql = openPool({ ...connection, database: 'postgres' }, { max: 1, name: 'bulk start' });
  try {
    const existing = await sql`SELECT FROM pg_database WHERE datname = ${name}`;
    if (existing.length === 0) await sql`CREATE DATABASE ${sql(name)}`;
  } catch (error) {
    if (sqlstateOf(error) !== '28P01') throw error;
    throw new EmbeddedPostgresFailure(`${passwordFile} does not hold the password`, 'restore that file', error);
  } finally {
    await sql.end({ timeout: 5 });
  }
}

/** Sized for bulk loading on a machine that does other things too. Durability is PostgreSQL's own: fsync stays on. */
async function usualSettings(dataDir: string): Promise<Record<string, string | number>> {
  const megabyte = 2 ** 20;
  const { bavail, bsize } = await statfs(dataDir);
  // In a container constrainedMemory is its limit; without a limit it is 0 or beyond any machine.
  const memory = Math.min(totalmem(), process.constrainedMemory() || Infinity) / megabyte;
  const disk = (bavail * bsize) / megabyte;
  const clamp = (value: number, low: number, high: number) => `${Math.round(Math.min(Math.max(value, low), high))}MB`;
  return {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    max_connections: 100,
    shared_buffers: clamp(memory / 8, 32, 1024),
    // A checkpoint in the middle of an import costs a third of its speed; but the log must fit the disk.
    max_wal_size: clamp(disk / 8, 256, 4096),
    checkpoint_timeout: '15min',
    // A new file of the log would be filled with zeros first, under the lock that every commit needs: neighbours waited
    // twice as long while rows were loaded (bench/README.md, "Settings of the server").
    wal_init_zero: 'off',
    // The log is flushed little by little: what a chunk's commit leaves to flush, all other commits wait for.
    wal_writer_delay: '10ms',
    timezone: 'UTC',
    log_timezone: 'UTC',
    log_checkpoints: 'off',
  };
}
