// deploy/nginx.conf, as it stands there but for ports and paths, in front of a service: a real nginx, and curl as the client.
import { type ChildProcess, execFile, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as pause } from 'node:timers/promises';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { promisify } from 'node:util';
import t, { type Test } from 'tap';
import { openPool } from '../../db/client.ts';
import { freePort } from '../../db/embedded/free-port.ts';
import { createDatabase } from '../databases.ts';
import { environment } from '../environment.ts';
import { id } from '../numbered.ts';
import { startService } from '../service-process.ts';
import { temporaryFolder } from '../temporary-folder.ts';

const missing = ['nginx', 'openssl', 'curl'].filter((program) => spawnSync(program, ['-V']).error);
const skip = missing.length > 0 && !process.env.CI ? `${missing.join(', ')} not installed (.ci/install-tools)` : false;

const host = 'bulk.example.com';
const secret = '0123456789abcdef';
const key = `X-API-Key: ${secret}`;
const header = 'id,email,name,role,created_at\n';
const users = (count: number) =>
  header + Array.from({ length: count }, (_, n) => `${id(n)},u${n}@example.com,User ${n},admin,2024-01-01\n`).join('');

interface Proxy {
  url: string;
  port: number;
  certificate: string;
  /** Arguments of every curl that goes through it. */
  curl: string[];
}

/** The configuration for this machine. @throws when a line that has to change is not there. */
async function configuration(
  folder: string,
  port: number,
  servicePort: string,
  certificate: string,
  privateKey: string,
) {
  let server = await readFile(new URL('../../deploy/nginx.conf', import.meta.url), 'utf8');
  for (const [line, here] of [
    ['server 127.0.0.1:8080;', `server 127.0.0.1:${servicePort};`],
    ['listen 443 ssl', `listen 127.0.0.1:${port} ssl`],
    ['/etc/ssl/certs/bulk.example.com.pem', certificate],
    ['/etc/ssl/private/bulk.example.com.key', privateKey],
  ] as const) {
    if (!server.includes(line)) throw new Error(`deploy/nginx.conf has no '${line}'`);
    server = server.replace(line, here);
  }
  const kept = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((name) => `  ${name}_temp_path ${join(folder, name)};`)
    .join('\n');
  return `daemon off;\nmaster_process off;\npid ${join(folder, 'pid')};\nerror_log stderr warn;\nevents {}\nhttp {\n  access_log off;\n${kept}\n${server}}\n`;
}

/** Starts nginx in front of the service; ended with the test. */
async function startProxy(t: Test, serviceUrl: string): Promise<Proxy> {
  const folder = await temporaryFolder(t);
  const [port, certificate, privateKey] = [await freePort(), join(folder, 'pem'), join(folder, 'key')];
  execFileSync(
    'openssl',
    `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=${host} -addext subjectAltName=DNS:${host}`
      .split(' ')
      .concat('-keyout', privateKey, '-out', certificate),
    { stdio: 'pipe' },
  );
  const file = join(folder, 'nginx.conf');
  await writeFile(file, await configuration(folder, port, new URL(serviceUrl).port, certificate, privateKey));
  await mkdir(join(folder, 'logs'));
  execFileSync('nginx', ['-t', '-q', '-p', folder, '-c', file], { stdio: 'pipe' });
  const nginx = spawn('nginx', ['-p', folder, '-c', file], { stdio: ['ignore', 'ignore', 'pipe'] });
  const said = text(nginx.stderr);
  const closed = once(nginx, 'close');
  t.after(async () => {
    nginx.kill('SIGTERM');
    await closed;
  });
  while (!(await listens(port))) {
    if (nginx.exitCode !== null) throw new Error(`nginx ended: ${await said}`);
    await pause(20);
  }
  const curl = ['-sS', '--cacert', certificate, '--resolve', `${host}:${port}:127.0.0.1`, '-H', key];
  return { url: `https://${host}:${port}`, port, certificate, curl };
}

async function listens(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

const run = promisify(execFile);

/** @returns what the client was sent. @throws when curl ends with an error. */
async function fetched(proxy: Proxy, path: string, args: string[] = []): Promise<string> {
  const { stdout } = await run('curl', [...proxy.curl, ...args, `${proxy.url}${path}`], { maxBuffer: 2 ** 27 });
  return stdout;
}

/** A client that takes the first bytes of its answer and no more for now. */
async function beginExport(proxy: Proxy, path: string, version: string): Promise<ChildProcess> {
  const curl = spawn('curl', [...proxy.curl, version, `${proxy.url}${path}`], { stdio: ['ignore', 'pipe', 'ignore'] });
  await once(curl.stdout, 'readable');
  return curl;
}

/** Reads on. @returns the exit code of curl. */
async function endOf(curl: ChildProcess): Promise<number> {
  curl.stdout?.resume();
  const [code] = await once(curl, 'close');
  return code;
}

t.test('through deploy/nginx.conf', { skip }, async (t) => {
  const dataDir = await temporaryFolder(t);
  const database = await createDatabase(t);
  const sql = openPool(database, { max: 1, name: 'test' });
  t.after(async () => await sql.end({ timeout: 1 }));
  const service = await startService(t, {
    ...environment(database, dataDir),
    LOG_LEVEL: 'info',
    API_KEYS: `test:read+write:${secret}`,
    TRUST_PROXY: '127.0.0.1',
    CLIENT_STALL_TIMEOUT: '2s',
    MAX_UPLOAD_SIZE: '8MiB',
  });
  const proxy = await startProxy(t, service.url);
  const file = join(dataDir, 'users.csv');
  await writeFile(file, users(30_000).replaceAll('2024-01-01', '2024-01-01T00:00:00Z'));
  const form = (path: string) => ['-F', 'resource=users', '-F', `file=@${path};filename=users.csv`];

  await t.test('an upload beyond the usual limit of nginx, and its events as they come', async (t) => {
    const over = Promise.withResolvers<void>();
    const locked = Promise.withResolvers<void>();
    const holding = sql.begin(async (tx) => {
      await tx`LOCK TABLE users IN ACCESS EXCLUSIVE MODE`;
      locked.resolve();
      await over.promise;
    });
    await locked.promise;
    const { job_id } = JSON.parse(await fetched(proxy, '/v1/imports', form(file)));
    const events = spawn('curl', [...proxy.curl, '-N', `${proxy.url}/v1/imports/${job_id}/events`]);
    const ended = text(events.stdout);
    await once(events.stdout, 'data');
    over.resolve();
    await holding;
    t.match(await ended, /event: progress[\s\S]+event: end\ndata: .*"status":"completed".*"successful":30000/);
  });

  await t.test('an export is the same as without a proxy', async (t) => {
    const path = '/v1/exports?resource=users&format=csv&sort=id';
    const direct = await (await fetch(`${service.url}${path}`, { headers: { 'x-api-key': secret } })).text();
    t.equal(direct.split('\n').length, 30_002);
    for (const version of ['--http1.1', '--http2']) t.equal(await fetched(proxy, path, [version]), direct, version);
    t.equal(await fetched(proxy, path, ['--compressed']), direct, 'compressed');
  });

  await t.test('an upload reaches the service while it is being sent; one that stands still is told why', async (t) => {
    const ca = await readFile(proxy.certificate);
    const socket: TLSSocket = connectTls({ host: '127.0.0.1', port: proxy.port, servername: host, ca });
    await once(socket, 'secureConnect');
    const before = (await readdir(join(dataDir, 'uploads'))).length;
    socket.write(
      `POST /v1/imports?resource=users HTTP/1.1\r\nHost: ${host}\r\n${key}\r\nContent-Type: multipart/form-data; boundary=X\r\nContent-Length: 1000000\r\n\r\n` +
        `--X\r\nContent-Disposition: form-data; name="file"; filename="u.csv"\r\n\r\n${header}`,
    );
    while ((await readdir(join(dataDir, 'uploads'))).length === before) await pause(10);
    t.match(await text(socket), /^HTTP\/1\.1 408 [\s\S]+"code":"request_timeout"/);
    t.equal((await readdir(join(dataDir, 'uploads'))).length, before);
  });

  await t.test('an upload that is too large is told so by the service', async (t) => {
    const large = join(dataDir, 'large.csv');
    await writeFile(large, Buffer.alloc(20_000_000, 'x'));
    for (const version of ['--http1.1', '--http2']) {
      t.match(JSON.parse(await fetched(proxy, '/v1/imports', [version, ...form(large)])), { code: 'file_too_large' });
    }
  });

  await t.test('the address of a client is its own, whatever it says', async (t) => {
    const args = ['--interface', '127.0.0.2', '-H', 'X-Forwarded-For: 203.0.113.9', '-H', 'X-Request-Id: who-am-i'];
    await fetched(proxy, '/v1/imports', args);
    while (!service.log.some((entry) => entry.request_id === 'who-am-i')) await pause(10);
    const logged = JSON.stringify(service.log.filter((entry) => entry.request_id === 'who-am-i'));
    t.match(logged, '127.0.0.2');
    t.notMatch(logged, '203.0.113.9');
  });

  await t.test('an export that breaks off does not end like a complete one', async (t) => {
    // More than all buffers on the way hold.
    await sql`INSERT INTO articles (id, slug, title, body, author_id, tags, status, created_at)
      SELECT gen_random_uuid(), 'a-' || n, 'Title', repeat('x', 1000000), ${id(0)}, '{}', 'draft', now()
      FROM generate_series(1, 100) n`;
    const path = '/v1/exports?resource=articles';
    for (const version of ['--http1.1', '--http2']) {
      const curl = await beginExport(proxy, path, version);
      await sql`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND query ILIKE '%COPY%TO STDOUT%' AND pid <> pg_backend_pid()`;
      t.not(await endOf(curl), 0, `${version}, PostgreSQL ends its session`);
    }
    const curl = await beginExport(proxy, path, '--http1.1');
    await service.stop('SIGKILL');
    t.not(await endOf(curl), 0, 'the service is killed');
  });

  await t.test('while the service is away, clients are told to try again', async (t) => {
    const answer = await fetched(proxy, '/health', ['-i', '--http1.1']);
    t.match(answer, /^HTTP\/1\.1 503 [\s\S]+retry-after: 5\r\n[\s\S]+"code":"too_busy"/i);
    t.match(answer, /content-type: application\/problem\+json/i);
  });
});
