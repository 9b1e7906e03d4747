// The service as a process: its arguments, its start, the ways it may end, and what it says meanwhile.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { open, readFile, stat, symlink, truncate } from 'node:fs/promises';
import { createServer } from 'node:http';
import { syncBuiltinESMExports } from 'node:module';
import { type AddressInfo, connect, createServer as createTcpServer } from 'node:net';
import os from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as pause } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { openPool } from '../db/client.ts';
import { freePort } from '../db/embedded/free-port.ts';
import { isRunning } from '../db/embedded/processes.ts';
import packageJson from '../package.json' with { type: 'json' };
import { loadConfig } from '../src/config.ts';
import { explainStartFailure } from '../src/explain-start-failure.ts';
import { FileStore } from '../src/file-store.ts';
import { createDatabase, inThisDatabase } from './databases.ts';
import { environment } from './environment.ts';
import { plainNode } from './plain-node.ts';
import { startService, upload } from './service-process.ts';
import { temporaryFolder } from './temporary-folder.ts';

type Env = Record<string, string>;

// Processes are waited for, most of the time.
t.jobs = 4;

/** Runs `node src/server.ts` to its end. */
async function run(args: string[], env: Env = {}) {
  const child = spawn(...plainNode(['src/server.ts', ...args]), {
    cwd: join(import.meta.dirname, '..'),
    env: { PATH: process.env.PATH, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  return { stdout, stderr, code };
}

/** An environment on a database of the test's own. */
async function setUp(t: Pick<Test, 'after'>): Promise<Env> {
  return { ...environment(await createDatabase(t), await temporaryFolder(t)), LOG_LEVEL: 'info' };
}

t.test('--help and --version answer, and nothing is started', async (t) => {
  const [help, version] = await Promise.all([run(['--help'], { PORT: 'wrong' }), run(['--version'])]);
  t.match(help, { code: 0, stderr: '', stdout: /Usage:[\s\S]*\n {2}DATABASE_URL {2,}PostgreSQL 15 or newer/ });
  t.match(version, { code: 0, stderr: '', stdout: `${packageJson.version}\n` });
});

t.test('wrong arguments and wrong values: one line each, exit code 1, not a word on stdout', async (t) => {
  const [argument, values, address] = await Promise.all([
    run(['--port', '80']),
    run([], { PORT: 'eighty', SEED: 'maybe', DATABASE_URL: 'postgres://me:hunter2@/x' }),
    run([], { HOST: '0.0.0.0' }),
  ]);
  t.match(argument, {
    code: 1,
    stdout: '',
    stderr: /^Unknown option '--port'; the arguments are --help and --version.*\n$/,
  });
  t.match(values, { code: 1, stdout: '' });
  t.same(
    values.stderr
      .trimEnd()
      .split('\n')
      .map((line) => line.split(' ')[0]),
    ['PORT="eighty"', 'DATABASE_URL', 'SEED="maybe"'],
  );
  t.notMatch(values.stderr, 'hunter2');
  t.match(address, { code: 1, stdout: '', stderr: /^HOST="0\.0\.0\.0" takes only a loopback address.*\n$/ });
});

t.test('what cannot be had at the start: one line with the remedy, exit code 1', async (t) => {
  const env = await setUp(t);
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  t.after(() => other.close());
  const { port } = other.address() as AddressInfo;
  const folder = await temporaryFolder(t);
  await symlink('nowhere', join(folder, 'link'));
  await symlink('circle', join(folder, 'circle'));
  const explained = async (uploadDir: string) =>
    await FileStore.open(uploadDir).catch((error: unknown) =>
      explainStartFailure(error, loadConfig({ UPLOAD_DIR: uploadDir })),
    );
  const leadsNowhere =
    'leads to what is not there, or no folder can be made there (ENOENT); set UPLOAD_DIR to another folder';
  for (const path of ['link', 'link/below', 'link/below/deeper'])
    t.equal(await explained(join(folder, path)), `UPLOAD_DIR: ${join(folder, 'link')} ${leadsNowhere}`);
  for (const path of ['circle', 'circle/below'])
    t.match(
      await explained(join(folder, path)),
      /^UPLOAD_DIR: \S+circle\S* is a link that leads back to itself \(ELOOP\); /,
    );
  t.match(
    await explained(join(folder, 'x'.repeat(300))),
    /^UPLOAD_DIR: the name \S+ is too long \(ENAMETOOLONG\); set UPLOAD_DIR to a folder with a shorter one$/,
  );
  // Where nobody may make a folder.
  if (existsSync('/proc')) t.match(await explained('/proc/x/y'), /^UPLOAD_DIR: .*\/proc\/x .*\((ENOENT|EACCES)\); /);

  const [busyPort, noFolder, noLink] = await Promise.all([
    // Before the database is looked at: there is none.
    run([], { ...env, PORT: String(port), DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none' }),
    run([], { ...env, DATA_DIR: '/dev/null/data' }),
    run([], { PORT: '0', DATA_DIR: join(folder, 'link') }),
  ]);
  t.match(noLink, { code: 1, stderr: /^DATA_DIR: \S+link leads to what is not there.* \(ENOENT\); .*\n$/ });
  t.match(busyPort, {
    code: 1,
    stderr: `port ${port} of 127.0.0.1 is in use by another program; stop that one, or set PORT to another port (0 picks a free one)\n`,
  });
  t.match(noFolder, {
    code: 1,
    stderr:
      /^DATA_DIR: a file is where a folder should be in \/dev\/null\S* \(\w+\); remove it, or set DATA_DIR to another folder\n$/,
  });

  const config = loadConfig({ HOST: '192.0.2.1', AUTH: 'none', PORT: '0' });
  const [error] = await once(createServer().listen(0, config.http.host), 'error').catch((error: unknown) => [error]);
  t.match(
    explainStartFailure(error, config),
    /^HOST 192\.0\.2\.1 is not an address of this machine; set HOST to one of 127\.0\.0\.1/,
  );
  const { networkInterfaces } = os;
  os.networkInterfaces = () => {
    throw new Error('uv_interface_addresses returned an error');
  };
  syncBuiltinESMExports();
  t.match(explainStartFailure(error, config), /; set HOST to one of 127\.0\.0\.1, 0\.0\.0\.0$/, 'nor without them');
  os.networkInterfaces = networkInterfaces;
  syncBuiltinESMExports();
});

t.test('PORT=0 logs the port that was picked; SIGTERM ends with 0', async (t) => {
  const service = await startService(t, await setUp(t));
  await follow<{ status: string }>(`${service.url}/health`, ({ status }) => status === 'healthy');
  t.match(service.log.at(-1), { msg: 'Ready', address: service.url, version: packageJson.version, time: /Z$/ });
  // npm passes on what the terminal has sent already: both together are one wish to stop.
  service.child.kill('SIGINT');
  t.equal(await service.stop('SIGINT'), 0);
  t.match(service.log.at(-1), { msg: 'Stopped' });
});

t.test('HOST=localhost is one address, however many the name has', async (t) => {
  const both = `import dns from 'node:dns';
    const { lookup } = dns;
    const addresses = [{ address: '127.0.0.1', family: 4 }, { address: '::1', family: 6 }];
    dns.lookup = (name, options, callback) =>
      name === 'localhost' && options.all ? callback(null, addresses) : lookup(name, options, callback);`;
  const service = await startService(t, { ...(await setUp(t)), HOST: 'localhost' }, { preload: both });
  const said = service.log.flatMap(({ msg }) => (/^Listening/.test(String(msg)) ? [msg] : []));
  t.same(said, [`Listening at ${service.url}`]);
  t.equal(new URL(service.url).hostname, '127.0.0.1');
  t.equal(await service.stop('SIGTERM'), 0);
});

t.test('a stop does not wait for connections that nobody uses', async (t) => {
  const service = await startService(t, await setUp(t));
  const { port, hostname } = new URL(service.url);
  // One that never had a request, and one whose request is answered after the stop has begun.
  const [unused, busy] = [connect(Number(port), hostname), connect(Number(port), hostname)];
  for (const socket of [unused, busy]) socket.on('error', () => {});
  busy.write(
    'POST /v1/exports HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{',
  );
  await Promise.all([once(unused, 'connect'), once(busy, 'connect')]);
  while (!service.log.some(({ msg }) => msg === 'incoming request')) await pause(10);
  const stopped = service.stop('SIGTERM');
  while (!service.log.some(({ msg }) => msg === 'Stopping')) await pause(10);
  busy.write('}');
  t.match(String((await once(busy, 'data'))[0]), /^HTTP\/1\.1 400 /);
  t.equal(await stopped, 0);
  t.notOk(service.log.some(({ msg }) => String(msg).startsWith('Requests are cut off')));
});

t.test('for people there are hints', async (t) => {
  const env = { ...(await setUp(t)), LOG_FORMAT: 'pretty', PORT: '0', PATH: process.env.PATH ?? '' };
  const child = spawn(...plainNode(['src/server.ts']), { cwd: join(import.meta.dirname, '..'), env });
  t.after(() => child.kill('SIGKILL'));
  let said = '';
  for await (const part of child.stdout) {
    said += part;
    if (/\/metrics\n/.test(said)) child.kill('SIGTERM');
  }
  t.match(
    said,
    /INFO: Import a file: curl -F resource=users -F file=@testdata\/users_huge\.csv http:\/\/127\.0\.0\.1:\d+\/v1\/imports\n/,
  );
  t.match(said, /INFO: Stopped\n$/);
});

/** Polls until the answer fits. One that says the service is too busy, as just after a start, is no answer. */
async function follow<T>(url: string, fits: (answer: T) => boolean): Promise<T> {
  for (;;) {
    const response = await fetch(url);
    const answer = await response.json();
    if (response.ok && fits(answer as T)) return answer as T;
    if (!response.ok && response.status !== 503) throw new Error(JSON.stringify(answer));
    await pause(20);
  }
}

/** A request whose body never ends. */
async function endlessUpload(url: string) {
  const { port } = new URL(url);
  const socket = connect(Number(port), '127.0.0.1');
  await once(socket, 'connect');
  socket.on('error', () => {});
  socket.write(
    `POST /v1/imports HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=x\r\nContent-Length: 100000\r\n\r\n--x\r\nContent-Disposition: form-data; name="file"; filename="users.csv"\r\n\r\nid,email\r\n`,
  );
  return socket;
}

t.test('a second signal ends the process at once', async (t) => {
  const service = await startService(t, { ...(await setUp(t)), SHUTDOWN_TIMEOUT: '1h' });
  await endlessUpload(service.url);
  await follow(`${service.url}/health/live`, () => true);
  service.child.kill('SIGINT');
  const ended = once(service.child, 'exit');
  const repeat = setInterval(() => service.child.kill('SIGINT'), 100);
  const [code] = await ended;
  clearInterval(repeat);
  t.equal(code, 130);
});

t.test('requests that outlast most of SHUTDOWN_TIMEOUT are cut off, and the rest is closed in order', async (t) => {
  const service = await startService(t, { ...(await setUp(t)), SHUTDOWN_TIMEOUT: '4s' });
  const socket = await endlessUpload(service.url);
  await follow(`${service.url}/health/live`, () => true);
  const cut = once(socket, 'close');
  t.equal(await service.stop('SIGTERM'), 0);
  await cut;
  const said = service.log.map(({ msg }) => msg);
  t.ok(said.includes('Requests are cut off, they took too long for SHUTDOWN_TIMEOUT'));
  t.equal(said.at(-1), 'Stopped');
});

t.test('a stop that cannot be done in time ends with 1', async (t) => {
  const connection = await createDatabase(t);
  const env = environment(connection, await temporaryFolder(t));
  const service = await startService(t, { ...env, LOG_LEVEL: 'info', SHUTDOWN_TIMEOUT: '1s' });
  const sql = openPool(connection, { max: 2, name: 'test' });
  t.after(async () => await sql.end());
  const release = Promise.withResolvers<void>();
  const locked = Promise.withResolvers<void>();
  const holding = sql.begin(async (tx) => {
    await tx`LOCK TABLE users`;
    locked.resolve();
    await release.promise;
  });
  await locked.promise;
  const user =
    'id,email,name,role,created_at\n00000000-0000-4000-8000-000000000001,a@b.example,A,admin,2024-01-01T00:00:00Z\n';
  await upload(service.url, 'users', 'users.csv', new Blob([user]));
  for (let waiting = 0; waiting === 0; await pause(20)) {
    waiting = (
      await sql`SELECT FROM pg_locks WHERE ${inThisDatabase(sql)} AND NOT granted AND relation = 'users'::regclass`
    ).length;
  }
  t.equal(await service.stop('SIGTERM'), 1);
  t.match(service.log.at(-1), { msg: 'Not everything could be closed within SHUTDOWN_TIMEOUT' });
  release.resolve();
  await holding;
});

t.test('an error that nobody foresaw is logged, and the service ends in order with 1', async (t) => {
  const preload = `process.once('SIGUSR2', () => { Promise.reject(new Error('forgotten')); })`;
  const service = await startService(t, await setUp(t), { preload });
  t.equal(await service.stop('SIGUSR2'), 1);
  const fatal = { level: 60, msg: 'Unforeseen error, the service stops', origin: 'unhandledRejection' };
  t.match(service.log.slice(-3), [
    { ...fatal, err: { message: 'forgotten' } },
    { msg: 'Stopping' },
    { msg: 'Stopped' },
  ]);
});

t.test('a log that cannot be written holds nothing up, and goes on once there is room', async (t) => {
  const folder = await temporaryFolder(t);
  const [logFile, port] = [join(folder, 'log'), await freePort()];
  const preload = `process.once('SIGUSR2', () => { Promise.reject(new Error('forgotten')); })`;
  const command = plainNode([`--import=data:text/javascript,${encodeURIComponent(preload)}`, 'src/server.ts']).flat();
  const log = await open(logFile, 'a');
  // As on a full disk: a write past so many blocks fails.
  const child = spawn('sh', ['-c', 'ulimit -f 12; exec "$@"', 'sh', ...command], {
    cwd: join(import.meta.dirname, '..'),
    env: { ...(await setUp(t)), PATH: process.env.PATH, PORT: String(port) },
    stdio: ['ignore', log.fd, 'pipe'],
  });
  const ended = once(child, 'close');
  t.after(async () => {
    child.kill('SIGKILL');
    await ended;
    await log.close();
  });
  let said = '';
  child.stderr!.setEncoding('utf8').on('data', (part) => (said += part));
  const url = `http://127.0.0.1:${port}/v1/imports`;
  const fill = async () => {
    for (let before = -1; ; ) {
      const answered = await fetch(url).then(
        () => true,
        async () => await pause(20, false),
      );
      const { size } = await stat(logFile);
      if (answered && size === before) return;
      before = size;
    }
  };
  await fill();
  t.equal((await fetch(url)).status, 200, 'requests are served');
  await truncate(logFile);
  t.equal((await fetch(url)).status, 200);
  const lines = (await readFile(logFile, 'utf8')).trimEnd().split('\n');
  // The first one had been begun before.
  const whole = lines.slice(1).map((line) => JSON.parse(line).msg);
  t.ok(whole.includes('incoming request'));

  await fill();
  child.kill('SIGUSR2');
  t.same(await ended, [1, null], 'an unforeseen error ends it in order');
  t.match(said, /^the log cannot be written \(EFBIG\); lines may be lost until it can\n/);
  t.match(said, /Error: forgotten\n/, 'and is told on stderr instead');
});

t.test('a stop does not wait for whoever reads the log', async (t) => {
  const env = { ...(await setUp(t)), PORT: '0' };
  const child = spawn(...plainNode(['src/server.ts']), { cwd: join(import.meta.dirname, '..'), env });
  t.after(() => child.kill('SIGKILL'));
  let said = '';
  while (!said.includes('"Ready"')) said += String(((await once(child.stdout, 'data')) as [Buffer])[0]);
  child.stdout.pause();
  const complaint = text(child.stderr);
  const [, url] = /"address":"([^"]+)".*"Ready"/.exec(said) ?? [];
  // More than a pipe holds, and than is kept.
  const requests = 4000;
  const { hostname, port } = new URL(url!);
  const socket = connect(Number(port), hostname);
  socket.write('HEAD /v1/resources HTTP/1.1\r\nHost: localhost\r\n\r\n'.repeat(requests));
  let answers = '';
  while (answers.split('HTTP/1.1 200').length <= requests)
    answers += String(((await once(socket, 'data')) as [Buffer])[0]);
  socket.destroy();
  child.kill('SIGTERM');
  t.same(await once(child, 'exit'), [0, null]);
  t.equal(await complaint, 'whoever reads the log does not keep up; lines are lost\n');
});

t.test('a stop that is asked for during a start that hangs', async (t) => {
  // Takes connections and says nothing.
  const silent = createTcpServer().listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const { port } = silent.address() as AddressInfo;
  const database = { DATABASE_URL: `postgres://me@127.0.0.1:${port}/x` };
  const env = { ...(await setUp(t)), ...database, PORT: '0', SHUTDOWN_TIMEOUT: '500ms' };
  const child = spawn(...plainNode(['src/server.ts']), { cwd: join(import.meta.dirname, '..'), env });
  t.after(() => child.kill('SIGKILL'));
  silent.once('connection', (socket) => {
    child.kill('SIGTERM');
    child.once('close', () => {
      socket.destroy();
      silent.close();
    });
  });
  const [said, [code]] = await Promise.all([text(child.stderr), once(child, 'close')]);
  t.equal(code, 1);
  t.equal(said, '', 'what a start stumbles over while it is being stopped is no news');
});

async function counts(url: string, fit: (rows: Record<string, number>) => boolean = () => true) {
  const answer = await follow<{ database: Record<string, number> }>(`${url}/metrics`, ({ database }) => fit(database));
  return answer.database;
}

async function jobs(url: string): Promise<number> {
  return (await follow<{ imports: object[] }>(`${url}/v1/imports`, () => true)).imports.length;
}

t.test('with nothing but a folder: seeded once, adopted after a kill -9, stopped with its database', async (t) => {
  const env = { DATA_DIR: join(await temporaryFolder(t), 'data'), SEED: 'auto' };
  const seeded = { users: 10, articles: 5, comments: 5 };
  const first = await startService(t, env);
  t.match(await counts(first.url, (database) => database.comments === 5), seeded);
  t.equal(await jobs(first.url), 3, 'through the import API');

  await first.stop('SIGKILL');
  const second = await startService(t, env);
  t.ok(second.log.some(({ msg }) => msg === 'Embedded PostgreSQL adopted'));
  t.match(await counts(second.url), seeded);
  t.equal(await jobs(second.url), 3, 'not seeded again');

  const [pid] = (await readFile(join(env.DATA_DIR, 'postgres/postmaster.pid'), 'utf8')).split('\n');
  t.equal(await second.stop('SIGTERM'), 0);
  t.notOk(await isRunning(Number(pid)), 'its database is stopped');
});
