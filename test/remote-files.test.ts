// Imports from a file_url, against servers of the test's own on loopback addresses.
import type { LookupAddress } from 'node:dns';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import {
  ClientRequest,
  createServer,
  type IncomingMessage,
  type RequestListener,
  request,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { createServer as createTcpServer } from 'node:net';
import { networkInterfaces } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import type { FastifyInstance } from 'fastify';
import t, { type Test } from 'tap';
import { FileStore, FileTooLarge } from '../src/file-store.ts';
import { parseAllowedHosts } from '../src/remote/allowed-hosts.ts';
import { type FetchOptions, fetchFile } from '../src/remote/fetch-file.ts';
import { openRemoteFile } from '../src/remote/open-remote-file.ts';
import { fileNameOf, parseFileUrl } from '../src/remote/parse-file-url.ts';
import { isPublicAddress } from '../src/remote/public-address.ts';
import { RemoteFault } from '../src/remote/remote-fault.ts';
import { build } from './build.ts';
import { ended, listen } from './client.ts';
import { temporaryFolder } from './temporary-folder.ts';

const record = (n: number) =>
  `{"id":"00000000-0000-4000-8000-${String(n).padStart(12, '0')}","email":"u${n}@a.example","name":"U","role":"admin","created_at":"2024-01-01T00:00:00Z"}\n`;
const content = [1, 2, 3].map(record).join('');

interface FileServer {
  url: string;
  port: number;
  /** Paths asked for, in order. */
  asked: string[];
}

type Answer = (response: ServerResponse, request: IncomingMessage) => void;

/** @param answers by path. */
async function serve(t: Pick<Test, 'after'>, answers: Record<string, Answer>, host = '127.0.0.1', port = 0) {
  const asked: string[] = [];
  const answer: RequestListener = (request, response) => {
    asked.push(request.url!);
    const known = answers[new URL(request.url!, 'http://x').pathname];
    if (known) known(response, request);
    else response.writeHead(404).end();
  };
  const server = createServer(answer);
  await once(server.listen(port, host), 'listening');
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const found = server.address() as AddressInfo;
  return { url: `http://${host}:${found.port}`, port: found.port, asked } satisfies FileServer;
}

const send =
  (body: string | Buffer, headers: Record<string, string> = {}): Answer =>
  (response) =>
    response.writeHead(200, { 'content-length': Buffer.byteLength(body), ...headers }).end(body);
const redirect =
  (to: string, status = 302): Answer =>
  (response) =>
    response.writeHead(status, { location: to }).end('elsewhere');

const ask = async (app: FastifyInstance, body: unknown, headers: Record<string, string> = {}, query = '') =>
  await app.inject({ method: 'POST', url: `/v1/imports${query}`, payload: body as object, headers });

/** A store and what else fetchFile wants; 127.0.0.1 is allowed. */
async function fetching(t: Test, more: Partial<FetchOptions> = {}) {
  const folder = await temporaryFolder(t);
  const options: FetchOptions = {
    store: await FileStore.open(folder),
    maxBytes: 10_000,
    timeoutMs: 60_000,
    allow: [{ host: '127.0.0.1', port: null }],
    signal: new AbortController().signal,
    ...more,
  };
  return {
    fetch: async (url: string, changed: Partial<FetchOptions> = {}) =>
      await fetchFile(parseFileUrl(url), { ...options, ...changed }),
    files: async () => await readdir(folder),
  };
}

t.test('the API', async (t) => {
  const app = await build(t, { REMOTE_FILES: 'on', REMOTE_ALLOW: '127.0.0.1', MAX_UPLOAD_SIZE: '5000' });
  const secret = 'signature=hunter2';
  const server = await serve(t, {
    '/users.ndjson': send(content),
    '/data': send(content),
    '/packed.ndjson': send(gzipSync(content), { 'content-encoding': 'gzip' }),
    '/packed': send(gzipSync(content), { 'content-encoding': 'gzip' }),
    '/named.ndjson.gz': send(gzipSync(content), { 'content-encoding': 'x-gzip' }),
    '/moved.ndjson': redirect('/users.ndjson', 308),
    '/large.ndjson': send('x'.repeat(5_001)),
    '/internal.ndjson': redirect('http://10.0.0.1/users.ndjson'),
  });
  const body = (path: string, more: object = {}) => ({ resource: 'users', file_url: `${server.url}${path}`, ...more });

  await t.test('a file is fetched, stored and imported like an upload', async (t) => {
    const accepted = await ask(app, body(`/users.ndjson?${secret}#part`));
    t.equal(accepted.statusCode, 202, accepted.body);
    const { job_id, message } = accepted.json();
    t.equal(accepted.headers.location, `/v1/imports/${job_id}`);
    t.equal(message, 'import of users.ndjson accepted');
    t.match(await ended(app, job_id), {
      status: 'completed',
      format: 'ndjson',
      file_name: 'users.ndjson',
      bytes_total: content.length,
      successful: 3,
      failed: 0,
    });
    t.same(server.asked, [`/users.ndjson?${secret}`], 'once, without the fragment');
    const [job] = await app.sql`SELECT options::text || coalesce(failure::text, '') AS all FROM bulk.jobs`;
    t.notMatch(job?.all, 'hunter2', 'what may be a secret is not kept');
  });

  await t.test('the format comes from the name or the request, gzip also from the server', async (t) => {
    const cases: [object, string][] = [
      [body('/data', { format: 'ndjson' }), 'data'],
      [body('/packed.ndjson'), 'packed.ndjson.gz'],
      [body('/packed', { format: 'ndjson' }), 'packed.gz'],
      [body('/named.ndjson.gz'), 'named.ndjson.gz'],
      [body('/moved.ndjson'), 'moved.ndjson'],
    ];
    for (const [asked, name] of cases) {
      const { job_id } = (await ask(app, asked)).json();
      t.match(await ended(app, job_id), { status: 'completed', file_name: name, processed: 3 }, name);
    }
    const { resource: _, ...unnamed } = body('/users.ndjson');
    t.equal((await ask(app, unnamed, {}, '?resource=users')).statusCode, 202, 'the resource may be in the query');
  });

  await t.test('what is wrong is said by its code, and nothing is left', async (t) => {
    const before = [await readdir(app.config.uploadDir), (await app.inject('/v1/imports')).json().imports.length];
    const asked = server.asked.length;
    const wrong: [unknown, number, string, RegExp][] = [
      [[], 400, 'invalid_option', /JSON object/],
      [{ resource: 'users' }, 400, 'file_required', /file_url/],
      [body('/users.ndjson', { file_url: 7 }), 400, 'invalid_option', /file_url must be text/],
      [body('/users.ndjson', { format: 1 }), 400, 'invalid_option', /format must be text/],
      [body('/users.ndjson', { colour: 'red' }), 400, 'unknown_option', /'colour'/],
      [body('/users.ndjson', { resource: 'people' }), 400, 'unknown_resource', /'people'/],
      [body('/users.ndjson', { resource: '' }), 400, 'resource_required', /users/],
      [body('/data'), 400, 'unsupported_file_type', /'data'/],
      [body('/', {}), 400, 'unsupported_file_type', /'file'/],
      [body('', { file_url: 'users.ndjson' }), 400, 'file_url_refused', /absolute URL/],
      [body('', { file_url: 'file:///etc/passwd' }), 400, 'file_url_refused', /https:\/\/ or http:\/\//],
      [body('', { file_url: 'http://me:pw@127.0.0.1/u.csv' }), 400, 'file_url_refused', /user name or password/],
      [body('', { file_url: 'http://10.0.0.1/u.csv' }), 400, 'file_url_refused', /REMOTE_ALLOW/],
    ];
    for (const [payload, status, code, detail] of wrong) {
      t.match((await ask(app, payload)).json(), { status, code, detail }, JSON.stringify(payload));
    }
    t.equal(server.asked.length, asked, 'all that before anything is fetched');
    t.match((await ask(app, body('/missing.ndjson'))).json(), {
      status: 422,
      code: 'file_url_failed',
      detail: 'the server answered 404, not 200',
      field: 'file_url',
      remote_status: 404,
    });
    t.match((await ask(app, body('/large.ndjson'))).json(), { status: 413, code: 'file_too_large', detail: /5000/ });
    t.match((await ask(app, body('/internal.ndjson'))).json(), { status: 400, code: 'file_url_refused' });
    const after = [await readdir(app.config.uploadDir), (await app.inject('/v1/imports')).json().imports.length];
    t.same(after, before);
  });

  await t.test('an Idempotency-Key makes a request that is sent again fetch nothing', async (t) => {
    const headers = { 'idempotency-key': 'k' };
    const first = await ask(app, body('/users.ndjson'), headers);
    t.equal(first.statusCode, 202);
    const asked = server.asked.length;
    const again = await ask(app, body('/users.ndjson'), headers);
    t.match(again, { statusCode: 200, headers: { 'idempotency-replayed': 'true' } });
    t.equal(again.json().job_id, first.json().job_id);
    t.match((await ask(app, body('/moved.ndjson'), headers)).json(), { status: 422, code: 'idempotency_key_reused' });
    t.match((await ask(app, body('/users.ndjson', { format: 'json' }), headers)).json(), { status: 422 });
    t.equal(server.asked.length, asked);

    const failing = { 'idempotency-key': 'fails at first' };
    t.equal((await ask(app, body('/missing.ndjson'), failing)).statusCode, 422);
    t.equal((await ask(app, body('/users.ndjson'), failing)).statusCode, 202, 'the failure has freed the key');
  });

  await t.test('a client that goes away leaves neither a job nor a file', async (t) => {
    const left = Promise.withResolvers<void>();
    const slow = await serve(t, {
      '/slow.ndjson': (response, asking) => {
        response.writeHead(200, { 'content-length': '1000' }).write(content);
        asking.once('close', left.resolve);
      },
    });
    const jobs = (await app.sql`SELECT FROM bulk.jobs`).length;
    const files = await readdir(app.config.uploadDir);
    const { port } = await listen(app);
    const headers = { 'content-type': 'application/json', 'idempotency-key': 'gone' };
    const client = request({ port, host: '127.0.0.1', method: 'POST', path: '/v1/imports', headers });
    client.on('error', () => {});
    client.end(JSON.stringify({ resource: 'users', file_url: `${slow.url}/slow.ndjson` }));
    while ((await readdir(app.config.uploadDir)).length === files.length) await pause(5);
    client.destroy();
    await left.promise;
    while ((await readdir(app.config.uploadDir)).length > files.length) await pause(5);
    while ((await app.sql`SELECT FROM bulk.idempotency_keys WHERE key = 'gone'`).length > 0) await pause(5);
    t.equal((await app.sql`SELECT FROM bulk.jobs`).length, jobs);
  });
});

t.test('more files at once than REMOTE_CONCURRENCY are refused for now', async (t) => {
  const app = await build(t, { REMOTE_FILES: 'on', REMOTE_ALLOW: '127.0.0.1', REMOTE_CONCURRENCY: '1' });
  const asked = Promise.withResolvers<() => void>();
  const server = await serve(t, {
    '/slow.ndjson': (response, request) => asked.resolve(() => send(content)(response, request)),
    '/broken.ndjson': (response) => response.destroy(),
    '/users.ndjson': send(content),
  });
  const fetching = (path: string) => ask(app, { resource: 'users', file_url: `${server.url}${path}` });
  const first = fetching('/slow.ndjson');
  const answer = await asked.promise;
  const refused = await fetching('/users.ndjson');
  t.match(refused, { statusCode: 503, headers: { 'retry-after': '10' } });
  t.match(refused.json(), {
    code: 'too_busy',
    detail: /^1 files of a file_url are being fetched \(REMOTE_CONCURRENCY\)/,
  });
  t.same(server.asked, ['/slow.ndjson'], 'nothing is fetched for it');
  t.equal(
    (await ask(app, { resource: 'users', file_url: 'ftp://x' })).statusCode,
    400,
    'what is wrong is said as ever',
  );
  answer();
  t.equal((await first).statusCode, 202);
  for (let n = 0; n < 2; n++) t.equal((await fetching('/broken.ndjson')).statusCode, 422, 'one that fails makes room');
  t.equal((await fetching('/users.ndjson')).statusCode, 202);
});

t.test('a client that has left by the time that a file is asked for is no fault of the process', async (t) => {
  const asked = { allow: [], stallMs: 1_000, signal: AbortSignal.abort(new Error('gone')) };
  await t.rejects(openRemoteFile(new URL('http://127.0.0.1/u.csv'), asked), { message: 'gone' });
  // The look-up fails after that; were nobody to hear it, the process would end.
  await pause(20);
});

t.test('what is not public is refused, in one and the same way, and never connected to', async (t) => {
  const { fetch, files } = await fetching(t, { allow: [] });
  const server = await serve(t, { '/u.csv': send(content) });
  const refusals = new Set<string>();
  const resolve = async (host: string): Promise<LookupAddress[]> => {
    if (host === 'inside.example') return [{ address: '127.0.0.1', family: 4 }];
    if (host === 'both.example') {
      return [
        { address: '93.184.215.14', family: 4 },
        { address: '10.1.2.3', family: 4 },
      ];
    }
    if (host === 'none.example') return [];
    throw Object.assign(new Error(`getaddrinfo ENOTFOUND ${host}`), { code: 'ENOTFOUND' });
  };
  const hosts = [
    ...['127.0.0.1', '127.1', '2130706433', '0x7f000001', '0177.0.0.1', '127.0.0.1.', '１２７.0.0.1', '0', '0.0.0.0'],
    ...['10.0.0.1', '172.16.0.1', '192.168.1.1', '169.254.169.254', '100.64.0.1', '100.100.100.200', '168.63.129.16'],
    ...['192.0.2.1', '198.51.100.1', '203.0.113.1', '198.18.0.1', '224.0.0.1', '255.255.255.255', '240.0.0.1'],
    ...['[::]', '[::1]', '[fe80::1]', '[fd00:ec2::254]', '[ff02::1]', '[2001:db8::1]', '[3fff::1]', '[fec0::1]'],
    ...['[::ffff:127.0.0.1]', '[::ffff:8.8.8.8]', '[::127.0.0.1]', '[64:ff9b::7f00:1]', '[64:ff9b:1::a00:1]'],
    ...['[2002:7f00:1::]', '[2001:0:7f00:1::]'],
    ...['inside.example', 'both.example', 'none.example', 'unknown.example', 'localhost'],
  ];
  for (const host of hosts) {
    const fault = await fetch(`http://${host}/u.csv`, { resolve }).catch((error: unknown) => error);
    if (!(fault instanceof RemoteFault)) return t.fail(`${host}: ${String(fault)}`);
    t.equal(fault.code, 'file_url_refused', host);
    refusals.add(fault.message);
  }
  t.equal(refusals.size, 1, 'a client cannot tell a private host from one that does not exist');
  t.notMatch([...refusals][0], /127|private|ENOTFOUND/);

  const isPublic = () => {
    throw new Error('uv_interface_addresses returned an error');
  };
  await t.rejects(
    fetch('http://93.184.215.14/u.csv', { isPublic }),
    { message: [...refusals][0] ?? '', reason: /the addresses of this machine cannot be listed \(uv_/ },
    'nor is anything where the system does not tell which addresses are its own',
  );

  const { url, port } = server;
  await t.rejects(fetch(`${url}/u.csv`), { code: 'file_url_refused', message: /port 80 or 443/ });
  await t.rejects(fetch('https://example.com:22/u.csv'), { message: /port 80 or 443/ });
  await t.rejects(fetch(`${url}/u.csv`, { allow: [{ host: '127.0.0.1', port: port + 1 }] }), {
    code: 'file_url_refused',
  });
  t.same(server.asked, []);
  t.match(await fetch(`${url}/u.csv`, { allow: [{ host: '127.0.0.1', port }] }), { stored: { bytes: content.length } });
  t.equal((await files()).length, 1);
});

t.test('redirects are followed a few times, each checked like the first address', async (t) => {
  const there = await serve(t, { '/u.csv': send(content) }, '127.0.0.2');
  const left = Promise.withResolvers<void>();
  const server = await serve(t, {
    '/1': redirect('/2', 301),
    '/2': redirect('3', 307),
    '/3': redirect('/u.csv', 303),
    '/loop': redirect('/loop'),
    '/elsewhere': redirect(`${there.url}/u.csv`),
    '/u.csv': send(content),
    '/nowhere': (response) => response.writeHead(302).end(),
    '/unending': (response) => {
      response.writeHead(302, { location: '/u.csv' }).write('elsewhere');
      response.once('close', left.resolve);
    },
  });
  const { fetch, files } = await fetching(t);
  t.match(await fetch(`${server.url}/1`), { stored: { bytes: content.length } });
  t.same(server.asked, ['/1', '/2', '/3', '/u.csv']);
  await t.rejects(fetch(`${server.url}/loop`), { code: 'file_url_failed', message: /redirects more than 5 times/ });
  await t.rejects(fetch(`${server.url}/nowhere`), { code: 'file_url_failed', status: 302 });
  await t.rejects(
    fetch(`${server.url}/elsewhere`),
    { code: 'file_url_refused' },
    'allowed is one host, not its friends',
  );
  t.same(there.asked, []);

  const targets = [
    'http://169.254.169.254/latest',
    'http://[::1]/',
    'http://2130706434/',
    '//10.0.0.1/x',
    'http://localhost/',
  ];
  for (const to of [
    ...targets,
    'file:///etc/passwd',
    'gopher://127.0.0.1/',
    'http://a:b@127.0.0.1/',
    'http://[',
    'data:,x',
  ]) {
    const bad = await serve(t, { '/': redirect(to) });
    await t.rejects(fetch(bad.url), { code: 'file_url_refused' }, to);
  }
  t.throws(() => parseFileUrl('http://example.com/', new URL('https://example.com/')), {
    message: /from https to http/,
  });
  t.equal(parseFileUrl('/b', new URL('https://example.com/a')).href, 'https://example.com/b');
  t.equal((await files()).length, 1);
  await fetch(`${server.url}/unending`);
  // Nobody reads what a redirect says besides.
  await left.promise;
});

t.test('a name is looked up once, and the address that was checked is the one connected to', async (t) => {
  // Two addresses of this machine stand for a public and a private one.
  const open = await serve(t, { '/u.csv': send('public') }, '127.0.0.2');
  const hidden = await serve(t, { '/u.csv': send('private') }, '127.0.0.1', open.port);
  const { fetch } = await fetching(t, { allow: [{ host: 'both.example', port: open.port }] });
  let lookUps = 0;
  const rebinding = async () => [{ address: lookUps++ === 0 ? '127.0.0.2' : '127.0.0.1', family: 4 }];
  const { stored } = await fetch(`http://both.example:${open.port}/u.csv`, { resolve: rebinding });
  t.equal(stored.bytes, 'public'.length);
  t.equal(lookUps, 1);
  t.same(hidden.asked, []);

  lookUps = 1;
  const rules = { resolve: rebinding, isPublic: (address: string) => address === '127.0.0.2', allow: [] };
  await t.rejects(fetch('http://both.example/u.csv', rules), { code: 'file_url_refused' });
  t.equal(lookUps, 2);
  t.same(hidden.asked, []);
});

t.test('a file that does not arrive whole is no file', async (t) => {
  let broken = Promise.withResolvers<void>();
  const chunked: Answer = (response) => response.writeHead(200).end(content);
  const server = await serve(t, {
    '/chunked': chunked,
    // It is not waited for.
    '/large': (response) => response.writeHead(200, { 'content-length': '10001' }).flushHeaders(),
    '/large-chunked': (response) => response.writeHead(200).end('x'.repeat(10_001)),
    '/short': (response) => {
      response.writeHead(200, { 'content-length': '1000' }).write(content);
      setImmediate(() => response.destroy());
      response.once('close', broken.resolve);
    },
    '/short-chunked': (response) => {
      response.writeHead(200).write(content);
      setImmediate(() => response.destroy());
      response.once('close', broken.resolve);
    },
    '/endless': (response) => {
      response.writeHead(200, { connection: 'close' });
      response.removeHeader('transfer-encoding');
      response.end(content);
    },
    '/reset': (response) => void response.socket?.destroy(),
    '/partial': (response) => response.writeHead(206, { 'content-length': '1' }).end('x'),
    '/nothing': (response) => response.writeHead(204).end(),
    '/error': (response) => response.writeHead(503).end('secret of the server'),
    '/brotli': send(content, { 'content-encoding': 'br' }),
  });
  const { fetch, files } = await fetching(t);
  t.match(await fetch(`${server.url}/chunked`), { stored: { bytes: content.length }, gzip: false });
  t.equal((await files()).length, 1);
  for (const path of ['/large', '/large-chunked'])
    await t.rejects(fetch(server.url + path), new FileTooLarge(10_000), path);
  const failures: [string, RegExp | string][] = [
    ['/short', `the connection broke after ${content.length} bytes`],
    ['/short-chunked', /^the connection broke after \d+ bytes$/],
    ['/reset', /cannot be reached/],
    ['/partial', 'the server answered 206, not 200'],
    ['/nothing', 'the server answered 204, not 200'],
    ['/error', 'the server answered 503, not 200'],
    ['/brotli', 'the server sent a Content-Encoding other than gzip'],
  ];
  for (const [path, message] of failures) {
    await t.rejects(fetch(server.url + path), { code: 'file_url_failed', message }, path);
  }
  for (const path of ['/short', '/short-chunked']) {
    // As a meter that has to ask the database first; by the second file the first connection's end has arrived.
    const meter = async function* (bytes: AsyncIterable<Uint8Array>) {
      await broken.promise;
      await fetch(`${server.url}/chunked`);
      yield* bytes;
    };
    broken = Promise.withResolvers<void>();
    await t.rejects(fetch(server.url + path, { meter }), { code: 'file_url_failed' }, `${path}, read late`);
  }
  const raw = async (answer: string) => {
    const tcp = createTcpServer((socket) => {
      socket.on('error', () => {});
      socket.once('data', () => socket.end(answer));
    });
    await once(tcp.listen(0, '127.0.0.1'), 'listening');
    t.after(() => tcp.close());
    return `http://127.0.0.1:${(tcp.address() as AddressInfo).port}/`;
  };
  const endless = ['', 'Transfer-Encoding: identity\r\n', 'Transfer-Encoding: gzip\r\n'];
  for (const header of endless) {
    const answer = await raw(`HTTP/1.1 200 OK\r\n${header}\r\nid,email`);
    await t.rejects(fetch(answer), { message: /neither Content-Length nor chunks/ }, header);
  }
  await t.rejects(fetch(await raw('220 mail.example ESMTP\r\n')), { message: /does not speak HTTP/ });
  const upgrade = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n';
  await t.rejects(fetch(await raw(upgrade)), { code: 'file_url_failed' });
  const closed = await serve(t, {});
  await t.rejects(fetch(`https://127.0.0.1:${closed.port}/`), { code: 'file_url_failed', message: /TLS/ });
  t.equal((await files()).length, 3, 'those that did');
});

t.test('a server that is silent or slow is given up, and one whose file is not wanted', async (t) => {
  let closed = Promise.withResolvers<void>();
  const server = await serve(t, {
    '/silent': () => {},
    '/stalls': (response) => {
      response.writeHead(200, { 'content-length': '1000' }).write(content);
      response.once('close', closed.resolve);
    },
    '/drips': (response) => {
      response.writeHead(200, { 'content-length': '1000' });
      const drip = setInterval(() => response.write('x'), 20);
      response.once('close', () => clearInterval(drip));
    },
  });
  const { fetch, files } = await fetching(t);
  const waits = t.capture(ClientRequest.prototype, 'setTimeout', ClientRequest.prototype.setTimeout);
  await t.rejects(fetch(server.url), { message: /answered 404/ });
  t.same(new Set(waits().map(({ args: [ms] }) => ms)), new Set([30_000]), 'unless told otherwise, after half a minute');
  for (const path of ['/silent', '/stalls']) {
    const message = 'the server sent nothing for 0.1 s';
    await t.rejects(fetch(server.url + path, { stallMs: 100 }), { code: 'file_url_failed', message }, path);
  }
  for (const path of ['/drips', '/silent', '/stalls']) {
    const message = 'the file did not arrive within 0.2 s (REMOTE_TIMEOUT)';
    await t.rejects(fetch(server.url + path, { timeoutMs: 200 }), { code: 'file_url_failed', message }, path);
  }
  closed = Promise.withResolvers<void>();
  const meter = () => {
    throw new Error('no room');
  };
  await t.rejects(fetch(`${server.url}/stalls`, { meter }), { message: 'no room' });
  await closed.promise;
  const never = () => new Promise<never>(() => {});
  const allow = [{ host: 'a.example', port: null }];
  await t.rejects(fetch('http://a.example/', { allow, resolve: never, timeoutMs: 50 }), { code: 'file_url_failed' });
  await t.rejects(fetch(`${server.url}/drips`, { signal: AbortSignal.abort(new Error('gone')) }), { message: 'gone' });
  t.same(await files(), []);

  const app = await build(t, { REMOTE_FILES: 'on', REMOTE_ALLOW: '127.0.0.1', REMOTE_TIMEOUT: '300ms' });
  const refused = await ask(app, { resource: 'users', format: 'ndjson', file_url: `${server.url}/drips` });
  t.match(refused.json(), { status: 422, code: 'file_url_failed', detail: /within 0\.3 s \(REMOTE_TIMEOUT\)/ });
});

t.test('only addresses of the public internet are public', async (t) => {
  for (const address of [
    '1.1.1.1',
    '93.184.215.14',
    '172.15.0.1',
    '172.32.0.1',
    '100.128.0.1',
    '2606:4700::1111',
    '2a00::1',
  ]) {
    t.ok(isPublicAddress(address), address);
  }
  for (const text of ['', 'localhost', '1.2.3', '::1%lo', '1.1.1.1/8']) t.notOk(isPublicAddress(text), text);
  const own = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  for (const { address } of own) t.notOk(isPublicAddress(address), `${address} is one of this machine`);
  const onTheInternet = { eth0: own.map((one) => ({ ...one, address: '93.184.215.14' })) };
  t.notOk(isPublicAddress('93.184.215.14', onTheInternet), 'nor is a public one that is');
  const special: [base: number, bits: number][] = [
    [0x0a000000, 8],
    [0x7f000000, 8],
    [0xa9fe0000, 16],
    [0xac100000, 12],
    [0xc0a80000, 16],
    [0x64400000, 10],
    [0xe0000000, 3],
    [0x00000000, 8],
  ];
  const inRange = fc
    .constantFrom(...special)
    .chain(([base, bits]) => fc.nat(2 ** (32 - bits) - 1).map((host) => (base + host) >>> 0));
  const dotted = (n: number) => [24, 16, 8, 0].map((shift) => (n >>> shift) & 255).join('.');
  const notations = (n: number) => [dotted(n), String(n), `0x${n.toString(16)}`, `0${n.toString(8)}`];
  fc.assert(
    fc.property(inRange, (n) => {
      for (const text of notations(n)) {
        if (isPublicAddress(parseFileUrl(`http://${text}/`).hostname)) return false;
      }
      const [high, low] = [(n >>> 16).toString(16), (n & 0xffff).toString(16)];
      const carriers = [
        `::ffff:${high}:${low}`,
        `::${high}:${low}`,
        `64:ff9b::${high}:${low}`,
        `2002:${high}:${low}::1`,
      ];
      return carriers.every((text) => !isPublicAddress(text));
    }),
  );
  const outside = fc.ipV6().filter((text) => !text.includes('.') && !/^[23][0-9a-f]{3}:/.test(text));
  fc.assert(fc.property(outside, (text) => !isPublicAddress(text)));
});

t.test('a file is named by the last part of its path', async (t) => {
  const names: [string, string][] = [
    ['https://a.example/x/users.csv?y=/z.json', 'users.csv'],
    ['https://a.example/caf%C3%A9.csv', 'café.csv'],
    ['https://a.example/100%.csv', '100%.csv'],
    ['https://a.example/a%00%0Ab.csv', 'ab.csv'],
    ['https://a.example/x/..%2F..%5Cetc%0A%2fusers.csv', 'users.csv'],
    ['https://a.example/x/', 'file'],
    ['https://a.example', 'file'],
  ];
  for (const [url, name] of names) t.equal(fileNameOf(new URL(url)), name, url);
  t.same(parseAllowedHosts('a.example., b.example:80'), {
    ok: true,
    value: [
      { host: 'a.example', port: null },
      { host: 'b.example', port: 80 },
    ],
  });
});
