import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmod,
  chown,
  mkdir,
  readdir,
  readFile,
  rename,
  stat,
  symlink,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as wait } from 'node:timers/promises';
import pg from 'pg';
import t, { type Test } from 'tap';
import { type Connection, openPool, type Sql } from '../../db/client.ts';
import { serverAccount } from '../../db/embedded/account.ts';
import { findBinaries } from '../../db/embedded/binaries.ts';
import { stopServer } from '../../db/embedded/cluster.ts';
import { lockDataDir } from '../../db/embedded/data-dir-lock.ts';
import { isRunning, pidSpace, processStart } from '../../db/embedded/processes.ts';
import {
  type EmbeddedPostgres,
  type EmbeddedPostgresOptions,
  startEmbeddedPostgres,
} from '../../db/embedded-postgres.ts';
import { checkServer } from '../../db/server-check.ts';
import { loadConfig } from '../../src/config.ts';
import { tlsOptions } from '../../src/database-url.ts';
import { explainStartFailure } from '../../src/explain-start-failure.ts';
import { plainNode } from '../plain-node.ts';
import { entered } from '../shared-postgres.ts';
import { temporaryFolder } from '../temporary-folder.ts';

const isRoot = process.getuid?.() === 0;
const starter = join(import.meta.dirname, 'start-embedded.ts');
const silent = { info: () => {}, warn: () => {}, error: () => {} };
/** The user and group that by convention own nothing. */
const nobody = { uid: 65_534, gid: 65_534 };

/** One cluster for most of the tests: making one takes a second. */
const dataDir = join(await temporaryFolder(t), 'data');

async function start(
  test: Pick<Test, 'after'>,
  options: Partial<EmbeddedPostgresOptions> = {},
): Promise<EmbeddedPostgres> {
  const server = await startEmbeddedPostgres({ dataDir, schema: 'public', ...options });
  test.after(async () => await server.stop());
  return server;
}

async function query<T>(connection: Connection, work: (sql: Sql) => Promise<T>): Promise<T> {
  const sql = openPool(connection, { max: 1, name: 'test' });
  try {
    return await work(sql);
  } finally {
    await sql.end({ timeout: 5 });
  }
}

async function serverPid(folder = dataDir): Promise<number> {
  return Number((await readFile(join(folder, 'postgres/postmaster.pid'), 'utf8')).split('\n')[0]);
}

interface Started {
  child: ChildProcess;
  said: Connection & { failure?: { name: string; code?: string; path?: string } };
  kill(signal: NodeJS.Signals): Promise<void>;
}

/** The same in a process of its own, which can be killed. */
async function startElsewhere(
  test: Pick<Test, 'after'>,
  folder: string,
  { within = [], ...user }: { within?: string[]; uid?: number; gid?: number } = {},
): Promise<Started> {
  const [program, ...args] = [...within, ...plainNode([starter, folder]).flat()] as [string, ...string[]];
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'], ...user });
  const closed = once(child, 'close');
  const kill = async (signal: NodeJS.Signals) => {
    child.kill(signal);
    await closed;
  };
  test.after(async () => await kill('SIGKILL'));
  const [line] = (await once(createInterface(child.stdout!), 'line')) as [string];
  return { child, said: JSON.parse(line), kill };
}

t.test('the first start makes a cluster that is reached from this machine alone, with a password', async (t) => {
  const leftover = join(dataDir, 'postgres.new-interrupted');
  await mkdir(leftover, { recursive: true });
  await writeFile(join(leftover, 'half'), 'a file');
  const opened: object[] = [];
  const log = { ...silent, warn: (data: object) => void opened.push(data) };
  const { connection, stop } = await start(t, { log });
  t.notOk(
    (await readdir(dataDir)).some((name) => name.startsWith('postgres.new')),
    'what an interrupted start left is gone',
  );
  if (isRoot) {
    t.match(
      opened,
      [{ folders: [dirname(dataDir)] }],
      'its way through a private folder is opened, and that is logged',
    );
  }
  t.match(connection, { host: '127.0.0.1', user: 'bulk', database: 'bulk', ssl: false });
  const settings = await query(connection, async (sql) => {
    await sql`CREATE TABLE kept (n integer)`;
    await sql`INSERT INTO kept VALUES (1)`;
    const [row] = await sql`SELECT current_setting('listen_addresses') AS addresses, current_setting('fsync') AS fsync,
      current_setting('server_encoding') AS encoding, datcollate AS collation FROM pg_database WHERE datname = 'bulk'`;
    return row;
  });
  t.match(settings, { addresses: '127.0.0.1', fsync: 'on', encoding: 'UTF8' });
  await t.rejects(
    query({ ...connection, password: 'guessed' }, async (sql) => await sql`SELECT`),
    { code: '28P01' },
  );
  t.equal((await stat(join(dataDir, 'postgres.password'))).mode & 0o077, 0, 'only its owner may read the password');
  const pid = await serverPid();
  if (isRoot) t.not((await stat(`/proc/${pid}`)).uid, 0, 'PostgreSQL does not run as root');

  await Promise.all([stop(), stop()]);
  t.notOk(await isRunning(pid));
  t.notOk((await readdir(dataDir)).includes('service.lock'));
});

t.test('a folder serves one process at a time', async (t) => {
  const holder = await startElsewhere(t, dataDir);
  await t.rejects(start(t), {
    name: 'EmbeddedPostgresFailure',
    message: `DATA_DIR ${dataDir} is in use by another running service (process ${holder.child.pid})`,
    remedy: 'stop that one, or set DATA_DIR to a folder of its own',
  });
  const kept = await query(holder.said, async (sql) => await sql`SELECT n FROM kept`);
  t.same(kept, [{ n: 1 }], 'the holder does not suffer, and has what was stored before its start');
  await holder.kill('SIGTERM');
  t.notOk((await readdir(dataDir)).includes('service.lock'), 'and then lets go of it');
});

t.test('after a kill -9 of the service its server is adopted, by whatever path the folder is named', async (t) => {
  const killed = await startElsewhere(t, dataDir);
  const pid = await serverPid();
  await killed.kill('SIGKILL');
  t.ok(await isRunning(pid), 'the server outlives the service');
  const alias = join(await temporaryFolder(t), 'alias');
  await symlink(dataDir, alias);
  const said: object[] = [];
  const log = { ...silent, info: (data: object) => void said.push(data) };
  const { connection, stop } = await start(t, { dataDir: alias, log });
  t.match(said, [{ adopted: true, port: killed.said.port }]);
  t.equal(connection.port, killed.said.port);
  t.equal(await serverPid(), pid);
  await stop();
  t.notOk(await isRunning(pid), 'an adopted server is stopped like any other');
});

t.test('after a kill -9 of both, nothing that was committed is lost', async (t) => {
  const killed = await startElsewhere(t, dataDir);
  await query(killed.said, async (sql) => await sql`INSERT INTO kept VALUES (2)`);
  const pid = await serverPid();
  await killed.kill('SIGKILL');
  process.kill(pid, 'SIGKILL');
  const { connection } = await start(t);
  t.same(await query(connection, async (sql) => await sql`SELECT n FROM kept ORDER BY n`), [{ n: 1 }, { n: 2 }]);
});

t.test('a server that ends is started again on its port, until it is to stop', async (t) => {
  const said: string[] = [];
  const failed = Promise.withResolvers<void>();
  const log = {
    ...silent,
    warn: (_: object, message: string) => void said.push(message),
    error: (_: object, message: string) => {
      said.push(message);
      failed.resolve();
    },
  };
  const { connection, stop } = await start(t, { log });
  const sql = openPool(connection, { max: 1, name: 'test' });
  t.after(async () => await sql.end({ timeout: 1 }));
  const answer = async () => {
    for (;;) {
      const rows = await sql`SELECT n FROM kept ORDER BY n`.catch(() => null);
      if (rows) return [...rows];
      await wait(20);
    }
  };
  const kept = await answer();
  // A start that fails is tried again, as on a disk that is still full.
  const version = join(dataDir, 'postgres/PG_VERSION');
  const content = await readFile(version, 'utf8');
  await writeFile(version, '13\n');
  process.kill(await serverPid(), 'SIGKILL');
  // To look after a server keeps no process alive.
  const alive = setInterval(() => {}, 60_000);
  await failed.promise;
  clearInterval(alive);
  await writeFile(version, content);
  t.same(await answer(), kept);
  t.same(
    [...new Set(said)],
    ['The embedded PostgreSQL has ended', 'The embedded PostgreSQL could not be started again yet'],
  );

  const pid = await serverPid();
  process.kill(pid, 'SIGKILL');
  await stop();
  t.notOk(await isRunning(await serverPid()), 'a stop that finds it ended leaves nothing running');
  t.notOk((await readdir(dataDir)).includes('service.lock'));
});

t.test('a stop in the middle of such a start ends it', async (t) => {
  const { stop } = await start(t);
  const pid = await serverPid();
  process.kill(pid, 'SIGKILL');
  // The pid file of the next one.
  while ((await serverPid().catch(() => pid)) === pid) await wait(1);
  await stop();
  t.notOk(await serverPid().then(isRunning, () => false));
});

t.test('neither a pid file that names a process of somebody else nor a large log is in the way', async (t) => {
  const log = join(dataDir, 'postgres.log');
  await truncate(log, 11_000_000);
  const file = join(dataDir, 'postgres/postmaster.pid');
  await writeFile(file, `${process.pid}\n${dataDir}/postgres\n1700000000\n5432\n\n127.0.0.1\n  1 2\nready\n`);
  const account = await serverAccount(join(dataDir, 'postgres'));
  if (account) await chown(file, account.uid, account.gid);
  await start(t);
  t.ok((await stat(log)).size < 100_000, 'the log is begun anew');
});

t.test('a process that has got the pid of a server that ended is left alone', async (t) => {
  const bystander = spawn('sleep', ['60'], { stdio: 'ignore' });
  t.after(() => bystander.kill());
  await once(bystander, 'spawn');
  const pid = bystander.pid!;
  const cluster = {
    ...{ dir: join(dataDir, 'postgres'), logFile: join(dataDir, 'postgres.log') },
    ...{ binaries: await findBinaries(), account: null },
  };
  await stopServer(cluster, { pid, started: 'before' });
  t.ok(await isRunning(pid));
  const ended = once(bystander, 'exit');
  await stopServer(cluster, { pid, started: (await processStart(pid))! });
  t.same(await ended, [null, 'SIGINT']);
});

t.test('a lock that nobody alive holds is taken over, by one', async (t) => {
  const folder = await temporaryFolder(t);
  const space = await pidSpace();
  const gone = { pid: 2 ** 22 + 1, started: 'x', token: 'y' };
  for (const [content, waits] of [
    ['', 0],
    ['{"pid":', 0],
    [JSON.stringify({ ...gone, space }), 0],
    [JSON.stringify({ ...gone, pid: process.pid, space }), 0],
    // Whose pids say nothing here.
    [JSON.stringify({ ...gone, pid: process.pid, space: 'of another container' }), 5],
  ] as const) {
    await writeFile(join(folder, 'service.lock'), content);
    let waited = 0;
    const options = { standstillMs: 200, onWait: () => void waited++ };
    const takers = await Promise.allSettled(Array.from({ length: 5 }, async () => await lockDataDir(folder, options)));
    const locks = takers.flatMap((taker) => (taker.status === 'fulfilled' ? [taker.value] : []));
    t.equal(locks.length, 1, JSON.stringify(content));
    t.equal(waited, waits);
    t.ok(await locks[0]?.isHeld());
    await locks[0]?.release();
    t.same(await readdir(folder), []);
  }
});

t.test('a lock of another container is not taken over while its holder lives', async (t) => {
  const folder = await temporaryFolder(t);
  const file = join(folder, 'service.lock');
  await writeFile(file, JSON.stringify({ pid: process.pid, started: 'x', space: 'of another container', token: 'y' }));
  const options = { standstillMs: 60_000, onWait: () => void utimes(file, 1, 1) };
  await t.rejects(lockDataDir(folder, options), {
    message: `DATA_DIR ${folder} is in use by another running service (in another container or on another machine)`,
  });
});

const container = ['unshare', '--pid', '--fork', '--kill-child', '--mount-proc'];

t.test('two containers on one folder: one PostgreSQL', async (t) => {
  try {
    execFileSync(container[0]!, [...container.slice(1), 'true'], { stdio: 'ignore' });
  } catch {
    return t.pass('not here', { skip: 'this system does not let us make a PID namespace' });
  }
  const holder = await startElsewhere(t, dataDir, { within: container });
  const said: object[] = [];
  const log = { ...silent, warn: (data: object) => void said.push(data) };
  await t.rejects(start(t, { log }), { message: /in another container or on another machine/ });
  t.match(said, [{ dataDir, seconds: 15 }], 'that it waits is told');
  await query(holder.said, async (sql) => await sql`INSERT INTO kept VALUES (3)`);

  await holder.kill('SIGKILL');
  // Taken over without the wait of a start.
  await (await lockDataDir(dataDir, { standstillMs: 200 })).release();
  const { connection } = await start(t);
  t.same(await query(connection, async (sql) => await sql`SELECT FROM kept WHERE n = 3`), [{}]);
});

t.test('folders that are not as we left them are refused, with the remedy', async (t) => {
  const [cluster, password] = [join(dataDir, 'postgres'), join(dataDir, 'postgres.password')];
  await rename(password, `${password}.away`);
  await t.rejects(start(t), { message: `${password} is missing, and with it the way into ${cluster}` });
  await writeFile(password, 'another');
  await t.rejects(start(t), { message: `${password} does not hold the password`, remedy: 'restore that file' });
  await rename(`${password}.away`, password);

  const version = await readFile(join(cluster, 'PG_VERSION'), 'utf8');
  await writeFile(join(cluster, 'PG_VERSION'), '13\n');
  await t.rejects(start(t), {
    message: /^the embedded PostgreSQL did not start: FATAL: +database files are incompatible with server/,
    remedy: 'set DATA_DIR to a new folder, or export the data with the version of the service that made it',
  });
  await writeFile(join(cluster, 'PG_VERSION'), version);

  const alien = await temporaryFolder(t);
  await mkdir(join(alien, 'postgres'));
  await t.rejects(start(t, { dataDir: alien }), {
    message: `${join(alien, 'postgres')} exists but is no PostgreSQL cluster (it has no PG_VERSION)`,
  });
  t.same(await readdir(alien), ['postgres'], 'nothing is left behind');
});

t.test('TLS to a server with a certificate of its own, by both drivers', async (t) => {
  try {
    execFileSync('openssl', ['version']);
  } catch {
    return t.pass('not here', { skip: 'there is no openssl' });
  }
  const [certificate, key] = [join(dataDir, 'server.crt'), join(dataDir, 'server.key')];
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'];
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  execFileSync('openssl', ['req', '-x509', '-days', '2', ...newKey, '-keyout', key, '-out', certificate, ...subject], {
    stdio: 'ignore',
  });
  await chmod(key, 0o600);
  const account = await serverAccount(join(dataDir, 'postgres'));
  if (account) for (const file of [key, certificate]) await chown(file, account.uid, account.gid);
  const withTls = await start(t, { settings: { ssl: 'on', ssl_cert_file: certificate, ssl_key_file: key } });

  const connect = async (
    mode: 'disable' | 'prefer' | 'require' | 'verify-ca' | 'verify-full',
    root?: string,
    host = '127.0.0.1',
  ) => {
    const address = { ...withTls.connection, host };
    const connection = { ...address, ssl: tlsOptions({ ...address, tlsMode: mode, rootCertificate: root }) };
    const settled = await checkServer(connection);
    const client = new pg.Client(settled as pg.ClientConfig);
    await client.connect();
    const { rows } = await client.query('SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()');
    await client.end();
    return rows[0].ssl;
  };
  t.equal(await connect('disable'), false);
  t.equal(await connect('prefer'), true);
  t.equal(await connect('require'), true);
  t.equal(await connect('require', certificate), true);
  t.equal(await connect('verify-ca', certificate), true, 'the name does not matter');
  t.equal(await connect('verify-full', certificate, 'localhost'), true);

  const config = loadConfig({ DB_HOST: '127.0.0.1', DB_PORT: '5432', DB_PASSWORD: withTls.connection.password });
  const refused: [attempt: Parameters<typeof connect>, said: RegExp][] = [
    [['verify-full', certificate], /certificate of PostgreSQL .* is not accepted: .*IP: 127\.0\.0\.1/],
    [['verify-ca'], /certificate of PostgreSQL .* is not accepted: .*; name its root certificate in DB_SSLROOTCERT/],
    [['verify-full', undefined, 'localhost'], /certificate of PostgreSQL .* is not accepted/],
  ];
  for (const [attempt, said] of refused) {
    const error = await connect(...attempt).catch((error: unknown) => error);
    t.match(explainStartFailure(error, config), said);
  }
  await withTls.stop();

  const plain = await start(t);
  t.match(await checkServer({ ...plain.connection, ssl: 'prefer' }), { ssl: false });
  const error = await checkServer({ ...plain.connection, ssl: { rejectUnauthorized: false } }).catch((error) => error);
  t.match(
    explainStartFailure(error, config),
    /closes the connection .*a server without TLS does so under DB_SSLMODE=require/,
  );
});

t.test('as an ordinary user', { skip: isRoot ? false : 'all the others were' }, async (t) => {
  const folder = await temporaryFolder(t);
  await chmod(folder, 0o777);
  const data = join(folder, 'data');
  const { said, kill } = await startElsewhere(t, data, nobody);
  if (said.failure?.code === 'EACCES')
    return t.pass('not here', { skip: 'this checkout cannot be read by other users' });
  t.equal((await stat(`/proc/${await serverPid(data)}`)).uid, nobody.uid);
  t.equal((await query(said, async (sql) => await sql`SELECT`)).length, 1);
  await kill('SIGTERM');
  t.notOk((await readdir(data)).includes('service.lock'));
});

t.test('a folder that may not be written is refused', async (t) => {
  const folder = await temporaryFolder(t);
  const data = join(folder, 'data');
  await chmod(folder, 0o555);
  const { said } = await startElsewhere(t, data, isRoot ? nobody : {});
  t.match(said.failure, { code: 'EACCES', path: data });
  const config = loadConfig({ DATA_DIR: data });
  t.match(
    explainStartFailure(Object.assign(new Error(), said.failure), config),
    /^DATA_DIR: user \S+ may not write to \S+ \(EACCES\); give this user the right to, or set DATA_DIR to another folder$/,
  );
  await chmod(folder, 0o755);
});

t.test('a full disk is named as such', { skip: isRoot ? false : 'only root may mount a small disk' }, async (t) => {
  const disk = await temporaryFolder(t);
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', disk], { stdio: 'ignore' });
  } catch {
    return t.pass('not here', { skip: 'this system does not let us mount' });
  }
  try {
    await t.rejects(start(t, { dataDir: join(disk, 'data') }), {
      message: /^the embedded PostgreSQL could not be initialised: .*No space left on device/,
      remedy: 'free some disk space, or set DATA_DIR to a folder on another disk',
    });
    t.notOk(
      (await readdir(join(disk, 'data'))).some((name) => name.startsWith('postgres.new')),
      'and is left as it was',
    );
    await writeFile(join(disk, 'filler'), Buffer.alloc(16 * 2 ** 20)).catch(() => {});
    const error = await start(t, { dataDir: join(disk, 'data') }).catch((error: unknown) => error);
    t.match(
      explainStartFailure(error, loadConfig({ DATA_DIR: join(disk, 'data') })),
      /^DATA_DIR: the disk of \S+ is full/,
    );
  } finally {
    execFileSync('umount', [disk]);
  }
});

t.test('a long run by hand that is stopped takes its PostgreSQL along, however often it is told', async (t) => {
  const run = spawn(...plainNode([join(import.meta.dirname, '../soak/run.ts')]), { stdio: 'ignore' });
  t.after(() => run.kill('SIGKILL'));
  const exited = once(run, 'exit');
  while (!(await entered(run.pid!))) await wait(10);
  run.kill('SIGINT');
  run.kill('SIGINT');
  t.same(await exited, [130, null]);
  t.equal(await entered(run.pid!), null);
});
