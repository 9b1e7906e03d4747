// What a request meets first: request ids, problems, CORS, API keys, and the check that it is local.
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import multipart from '@fastify/multipart';
import type { FastifyInstance, InjectOptions } from 'fastify';
import t from 'tap';
import { Type } from 'typebox';
import { openPool } from '../../db/client.ts';
import { isLocalHost } from '../../src/http/local-requests.ts';
import { problem, problems } from '../../src/problems.ts';
import { httpService } from './http-service.ts';

const plainId = /^[\w.:=+/-]{1,128}$/;
const secret = 'a secret that nobody may see'.replaceAll(' ', '-');

const Query = Type.Object(
  {
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000 })),
    status: Type.Optional(Type.Enum(['pending', 'completed'])),
    after: Type.Optional(Type.String({ pattern: '^[0-9]+$', description: 'The `next` of the page before.' })),
  },
  { additionalProperties: false },
);
const Body = Type.Object({
  resource: Type.String({ minLength: 1, maxLength: 20 }),
  tags: Type.Optional(Type.Array(Type.String())),
});

function addRoutes(app: FastifyInstance): void {
  const read = { config: { scope: 'read' } } as const;
  app.get('/read', read, async ({ owner }) => ({ owner }));
  app.post('/write', { config: { scope: 'write' } }, async ({ owner }) => ({ owner }));
  app.get('/public', { config: { scope: 'public' } }, async ({ owner }) => ({ owner }));
  app.get('/query', { ...read, schema: { querystring: Query } }, async ({ query }) => query);
  app.post('/body', { config: { scope: 'write' }, bodyLimit: 100, schema: { body: Body } }, async ({ body }) => body);
  app.get('/stream', read, async (_, reply) => reply.type('text/csv').send(Readable.from(['a,b\n', '1,2\n'])));
  app.get('/broken', read, async () => {
    throw Object.assign(new Error(`password ${secret}`), { code: '42P01', query: secret });
  });
  app.get('/broken-file', read, async (_, reply) => {
    reply.type('text/csv').headers({ 'content-disposition': 'attachment', 'cache-control': 'public' });
    throw problem('export_expired', 'gone');
  });
  app.get('/throws-text', read, async () => {
    throw secret;
  });
  app.get('/full-disk', read, async () => await writeFile('/dev/full', 'x'));
}

const post = (url: string, payload: string, type?: string): InjectOptions => ({
  method: 'POST',
  url,
  payload,
  headers: type === undefined ? {} : { 'content-type': type },
});

/** Sends bytes as they are, and gives all that comes back until the connection ends. */
async function exchange(app: FastifyInstance, bytes: string): Promise<string> {
  const socket = await dial(app);
  socket.end(bytes);
  return await text(socket);
}

async function dial(app: FastifyInstance): Promise<Socket> {
  if (!app.server.listening) await app.listen({ port: 0, host: '127.0.0.1' });
  const socket = connect((app.server.address() as AddressInfo).port, '127.0.0.1');
  await once(socket, 'connect');
  return socket;
}

t.test('errors are problems', async (t) => {
  const { app, logged } = await httpService(t, {}, addRoutes);

  t.test('with code, status, title, detail and request id, in every place', async (t) => {
    const response = await app.inject({ url: '/nowhere', headers: { 'x-request-id': 'mine-1' } });
    t.equal(response.statusCode, 404);
    t.match(response.headers, {
      'content-type': /^application\/problem\+json/,
      'x-request-id': 'mine-1',
      'cache-control': 'no-store',
    });
    const detail = 'there is nothing at this URL';
    t.same(response.json(), {
      type: '/problems/not_found',
      title: 'Not found',
      status: 404,
      detail,
      code: 'not_found',
      error: detail,
      request_id: 'mine-1',
    });
  });

  t.test('whose type leads to what the code means', async (t) => {
    const { type } = (await app.inject('/nowhere')).json();
    t.same((await app.inject(type)).json(), { type, code: 'not_found', status: 404, title: 'Not found' });
    t.equal((await app.inject('/problems/constructor')).json().code, 'not_found');
    for (const [code, [status]] of Object.entries(problems)) {
      t.equal((await app.inject(`/problems/${code}`)).json().status, status, code);
    }
  });

  t.test('a known URL and another method: 405 with Allow', async (t) => {
    const response = await app.inject({ method: 'DELETE', url: '/read?x=1' });
    t.match(response, { statusCode: 405, headers: { allow: 'GET, HEAD, OPTIONS' } });
    t.match(response.json(), {
      code: 'method_not_allowed',
      detail: 'DELETE is not served here, only GET, HEAD, OPTIONS',
    });
    t.equal((await app.inject({ method: 'GET', url: '/write' })).headers.allow, 'POST, OPTIONS');
    t.equal((await app.inject(post('/nowhere', '{', 'application/json'))).statusCode, 404, 'before its body matters');
  });

  t.test('HEAD tells the same without a body', async (t) => {
    t.match(await app.inject({ method: 'HEAD', url: '/read' }), { statusCode: 200, body: '' });
    t.match(await app.inject({ method: 'HEAD', url: '/broken-file' }), { statusCode: 410, body: '' });
  });

  t.test('a wrong parameter is named, with what it takes', async (t) => {
    const refused = async (query: string) => (await app.inject(`/query?${query}`)).json();
    t.match(await refused('limit=0'), {
      status: 400,
      code: 'invalid_parameter',
      detail: 'limit must be a whole number from 1 to 1000',
      field: 'limit',
      in: 'query',
    });
    t.match(await refused('limit=many'), { detail: 'limit must be a whole number from 1 to 1000' });
    t.match(await refused('limit=1&limit=2'), { field: 'limit' });
    t.match(await refused('status=lost'), { detail: 'status must be one of: pending, completed' });
    t.match(await refused('after=x'), { detail: /^after must be text that matches \^\[0-9\]\+\$ \(The `next` of/ });
    t.match(await refused('limits=1'), {
      code: 'unknown_option',
      detail: "unknown parameter 'limits', must be one of: limit, status, after",
    });
    t.same((await app.inject('/query?limit=7')).json(), { limit: 7 });
  });

  t.test('so is a wrong property of a body', async (t) => {
    const refused = async (body: unknown) =>
      (await app.inject(post('/body', JSON.stringify(body), 'application/json'))).json();
    t.match(await refused({}), {
      code: 'invalid_parameter',
      detail: 'resource is required, and must be text from 1 to 20 characters',
      field: 'resource',
      in: 'body',
    });
    t.match(await refused({ resource: 'users', tags: {} }), {
      field: 'tags',
      detail: 'tags must be a list, each text',
    });
    t.match(await refused([]), { detail: 'the body must be a JSON object', field: undefined });
  });

  t.test('bodies that cannot be read', async (t) => {
    const json = 'application/json';
    for (const [sent, status, code, detail] of [
      [post('/body', '', json), 400, 'malformed_request', /empty/],
      [post('/body', '{"resource":', json), 400, 'malformed_request', /not valid JSON/],
      [post('/body', '{"__proto__":{}}', json), 400, 'malformed_request', /not valid JSON/],
      [post('/body', `{"resource":"${'x'.repeat(100)}"}`, json), 413, 'body_too_large', /larger/],
      [post('/body', '<a/>', 'text/xml'), 415, 'unsupported_media_type', /'text\/xml'/],
      [post('/body', 'x'), 415, 'unsupported_media_type', /without a Content-Type/],
    ] as const) {
      const response = await app.inject(sent);
      t.match(response.json(), { status, code, detail }, code);
      t.equal(response.statusCode, status);
    }
  });

  t.test('a fault inside is logged and not shown', async (t) => {
    for (const url of ['/broken', '/throws-text']) {
      const response = await app.inject({ url, headers: { 'x-request-id': `fault-of-${url.slice(1)}` } });
      t.match(response.json(), { status: 500, code: 'internal_error', detail: /^something went wrong inside/ });
      t.notOk(JSON.stringify([response.headers, response.body]).includes(secret), 'neither message nor query');
      const line = logged.find((one) => one.msg === 'Request failed' && one.request_id === `fault-of-${url.slice(1)}`);
      t.ok(JSON.stringify(line?.err).includes(secret), 'the log has it, under the same id');
    }
  });

  t.test('the headers of the file that it could not send are gone', async (t) => {
    const { headers } = await app.inject('/broken-file');
    t.match(headers, { 'content-type': /problem/, 'content-disposition': undefined, 'cache-control': 'no-store' });
  });

  t.test('a full disk is 507', { skip: process.platform !== 'linux' }, async (t) => {
    t.match((await app.inject('/full-disk')).json(), { status: 507, code: 'storage_full' });
  });
});

t.test('an unreachable database is 503 with Retry-After', async (t) => {
  const nowhere = {
    host: '127.0.0.1',
    port: 1,
    user: 'u',
    password: secret,
    database: 'd',
    ssl: false,
    schema: 'public',
  } as const;
  const sql = openPool(nowhere, { max: 1, name: 'test' });
  t.after(async () => await sql.end());
  const { app } = await httpService(t, {}, (app) => {
    app.get('/rows', { config: { scope: 'read' } }, async () => await sql`SELECT 1`);
  });
  const response = await app.inject('/rows');
  t.match(response.json(), { status: 503, code: 'database_unavailable' });
  t.match(response.headers, { 'retry-after': '5' });
  t.notMatch(response.body, /127\.0\.0\.1|ECONNREFUSED/);
});

t.test('every response has a request id', async (t) => {
  const { app } = await httpService(t, {}, addRoutes);
  const preflight = { origin: 'http://localhost:3000', 'access-control-request-method': 'POST' };
  for (const request of [
    { url: '/read' },
    { url: '/stream' },
    { url: '/nowhere' },
    { url: '/%zz' },
    { url: '/broken' },
    { method: 'OPTIONS', url: '/write', headers: preflight },
    { method: 'OPTIONS', url: '/write' },
    { method: 'DELETE', url: '/read' },
    { url: '/read', headers: { host: 'evil.example' } },
    post('/body', '{', 'application/json'),
  ] as InjectOptions[]) {
    const name = `${request.method ?? 'GET'} ${request.url}`;
    t.match((await app.inject(request)).headers['x-request-id'], plainId, name);
    const headers = { ...request.headers, 'x-request-id': 'Root=1-67891233-abc' };
    t.equal(
      (await app.inject({ ...request, headers })).headers['x-request-id'],
      'Root=1-67891233-abc',
      `${name}, given`,
    );
  }
  for (const id of ['', 'two words', 'a\tb', '<script>', '"}', 'é', 'x'.repeat(129)]) {
    const { headers } = await app.inject({ url: '/read', headers: { 'x-request-id': id } });
    t.match(headers['x-request-id'], /^[0-9a-f-]{36}$/, `not taken over: ${JSON.stringify(id)}`);
  }
});

t.test('forms', async (t) => {
  const { app } = await httpService(t, {}, async (app) => {
    await app.register(multipart);
    app.post('/form', { config: { scope: 'write' } }, async (request) => {
      const names: string[] = [];
      for await (const part of request.parts({ limits: { fields: 3, files: 1 } })) {
        names.push(part.fieldname);
        if (part.type === 'file') part.file.resume();
      }
      return names;
    });
  });
  const field = (name: string, head = '') =>
    `--b\r\nContent-Disposition: form-data; name="${name}"${head}\r\n\r\n1\r\n`;
  const file = field('file', '; filename="a.csv"');
  const send = async (body: string, type = 'multipart/form-data; boundary=b') =>
    (await app.inject(post('/form', body, type))).json();

  t.same(await send(`${field('a')}${file}--b--\r\n`), ['a', 'file'], 'a whole one');
  for (const [name, body, type] of [
    ['cut in a field', field('a')],
    ['cut in a file', '--b\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\nid,na'],
    ['without boundary', field('a'), 'multipart/form-data'],
    ['that is no form', 'id,name\n1,x\n'],
    ['with a field __proto__', `${field('__proto__')}--b--\r\n`],
    [
      'with JSON that is none',
      `${field('a', '\r\nContent-Type: application/json').replace('\r\n1', '\r\n{')}--b--\r\n`,
    ],
  ] as const) {
    t.match(await send(body, type), { status: 400, code: 'malformed_request' }, `malformed: ${name}`);
  }
  const many = await send(`${['a', 'b', 'c', 'd', 'e'].map((name) => field(name)).join('')}--b--\r\n`);
  t.match(many, { status: 413, code: 'too_many_parts' });
  t.match(await send(`${file}${file}--b--\r\n`), { status: 413, code: 'too_many_parts' }, 'too many files');
});

t.test('a client that leaves in the middle of an upload is no fault of the service', async (t) => {
  const arrived = Promise.withResolvers<void>();
  const over = Promise.withResolvers<void>();
  const { app, logged } = await httpService(t, {}, async (app) => {
    await app.register(multipart);
    app.post('/form', { config: { scope: 'write' } }, async (request) => {
      for await (const part of request.parts()) {
        if (part.type !== 'file') continue;
        arrived.resolve();
        await text(part.file);
      }
    });
    app.addHook('onSend', async () => over.resolve());
  });
  const socket = await dial(app);
  socket.write('POST /form HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n');
  socket.write('Content-Type: multipart/form-data; boundary=b\r\n\r\n');
  socket.write('--b\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\nid,name\n');
  await arrived.promise;
  socket.destroy();
  await over.promise;
  t.ok(logged.some(({ msg }) => msg === 'The client went away before its request was complete'));
  t.notOk(logged.some(({ level }) => Number(level) >= 40));
});

t.test('over a socket', async (t) => {
  const { app } = await httpService(t, {}, addRoutes);

  t.test('what is not HTTP is answered with a problem', async (t) => {
    for (const [name, bytes, status, code] of [
      ['garbage', 'hello\r\n\r\n', 400, 'malformed_request'],
      [
        'a header with a line break',
        'GET /read HTTP/1.1\r\nHost: localhost\r\nX: a\rb\r\n\r\n',
        400,
        'malformed_request',
      ],
      [
        'a URL wrongly encoded',
        'GET /%zz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n',
        400,
        'malformed_request',
      ],
      [
        'headers without end',
        `GET /read HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`,
        431,
        'headers_too_large',
      ],
      ['no Host', 'GET /read HTTP/1.1\r\nConnection: close\r\n\r\n', 400, 'malformed_request'],
      [
        'two Hosts',
        'GET /read HTTP/1.1\r\nHost: localhost\r\nHost: evil\r\nConnection: close\r\n\r\n',
        400,
        'malformed_request',
      ],
      ['HTTP/1.0 without Host', 'GET /read HTTP/1.0\r\n\r\n', 403, 'not_local'],
    ] as const) {
      const [head = '', body = ''] = (await exchange(app, bytes)).split('\r\n\r\n');
      t.match(head, new RegExp(`^HTTP/1.1 ${status} `), name);
      t.match(head.toLowerCase(), /\r\nx-request-id: [\w-]+(\r|$)/, `${name}: request id`);
      t.match(JSON.parse(body), { status, code, type: `/problems/${code}` }, `${name}: problem`);
    }
  });

  t.test('an unknown expectation is ignored', async (t) => {
    const request = 'GET /read HTTP/1.1\r\nHost: localhost\r\nExpect: tea\r\nConnection: close\r\n\r\n';
    t.match(await exchange(app, request), /^HTTP\/1\.1 200 /);
  });

  t.test('a URL may be absolute, as proxies send it', async (t) => {
    const get = (path: string) =>
      `GET http://localhost${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`;
    t.match(await exchange(app, get('/read')), /^HTTP\/1\.1 200 /);
    t.match(await exchange(app, get('/nowhere')), /^HTTP\/1\.1 404 /);
    t.match(await exchange(app, get('/write')), /^HTTP\/1\.1 405 /);
  });

  t.test('a request id cannot bring a header with it', async (t) => {
    const request = 'GET /nowhere HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: a\r\n b: c\r\nConnection: close\r\n\r\n';
    const [head = ''] = (await exchange(app, request)).split('\r\n\r\n');
    t.notMatch(head, /\r\n ?b: c/);
  });
});

t.test('rubbish behind a request is not answered into its streamed response', async (t) => {
  const source = new Readable({ read() {} });
  const { app } = await httpService(t, {}, (app) => {
    app.get('/stream', { config: { scope: 'read' } }, async (_, reply) => reply.type('text/csv').send(source));
  });
  const socket = await dial(app);
  socket.write('GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\n');
  source.push('id\n');
  const received: string[] = [];
  socket.setEncoding('utf8').on('data', (chunk: string) => received.push(chunk));
  while (!received.join('').includes('id\n')) await once(socket, 'data');
  socket.on('error', () => {});
  socket.write('rubbish\r\n\r\n');
  await new Promise((resolve) => socket.once('close', resolve));
  t.notMatch(received.join(''), /problem/);
  t.notMatch(received.join(''), /\r\n0\r\n/, 'and it does not look complete');
});

t.test('a request that arrives while the service stops is turned away with a problem', async (t) => {
  const stopping = Promise.withResolvers<void>();
  const release = Promise.withResolvers<void>();
  const { app } = await httpService(t, {}, (app) => {
    addRoutes(app);
    app.addHook('preClose', async () => {
      stopping.resolve();
      await release.promise;
    });
  });
  const socket = await dial(app);
  const closed = app.close();
  await stopping.promise;
  socket.end('GET /public HTTP/1.1\r\nHost: localhost\r\n\r\n');
  const answer = await text(socket);
  release.resolve();
  await closed;
  t.match(answer, /^HTTP\/1\.1 503 /);
  t.match(answer.toLowerCase(), /\r\nretry-after: 5\r\n/);
  t.match(answer, /"code":"too_busy"/);
});

t.test('CORS', async (t) => {
  const env = { API_KEYS: 'office:read+write:0123456789abcdef' };
  const ask = async (app: FastifyInstance, origin: string) =>
    (await app.inject({ url: '/public', headers: { origin } })).headers;
  const allow = 'access-control-allow-origin';

  t.test('with API keys any page may call', async (t) => {
    const { app } = await httpService(t, env, addRoutes);
    const headers = await ask(app, 'https://evil.example');
    t.match(headers, { [allow]: '*', 'access-control-allow-credentials': undefined });
    for (const name of [
      'location',
      'link',
      'retry-after',
      'idempotency-replayed',
      'x-request-id',
      'content-disposition',
      'etag',
    ]) {
      t.match(headers['access-control-expose-headers'], new RegExp(`\\b${name}\\b`));
    }
  });

  t.test('a preflight needs no key, and allows the headers of the contract', async (t) => {
    const { app } = await httpService(t, env, addRoutes);
    const headers = {
      origin: 'https://a.example',
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'x',
    };
    const response = await app.inject({ method: 'OPTIONS', url: '/write', headers });
    t.match(response, { statusCode: 204, headers: { 'access-control-allow-methods': 'GET, HEAD, POST' } });
    for (const name of ['authorization', 'x-api-key', 'content-type', 'idempotency-key', 'range', 'if-range']) {
      t.match(response.headers['access-control-allow-headers'], new RegExp(`(^|, )${name}(,|$)`));
    }
  });

  t.test('errors can be read by the page as well', async (t) => {
    const { app } = await httpService(t, env, addRoutes);
    const headers = { origin: 'https://a.example' };
    t.match(await app.inject({ url: '/read', headers }), { statusCode: 401, headers: { [allow]: '*' } });
    t.match(await app.inject({ url: '/nowhere', headers }), { statusCode: 404, headers: { [allow]: '*' } });
  });

  t.test('without keys only pages of localhost', async (t) => {
    const { app } = await httpService(t, { AUTH: 'none' }, addRoutes);
    for (const origin of ['http://localhost', 'http://localhost:3000', 'https://127.0.0.1:8443', 'http://[::1]:5173']) {
      t.equal((await ask(app, origin))[allow], origin);
    }
    for (const origin of [
      'http://localhost.evil.example',
      'http://evil.example',
      'null',
      'http://localhost:3000/',
      'ftp://localhost',
    ]) {
      t.equal((await ask(app, origin))[allow], undefined, origin);
    }
    t.match((await ask(app, 'http://localhost')).vary, /origin/i);
  });

  t.test('CORS_ORIGIN lists them', async (t) => {
    const { app } = await httpService(t, { ...env, CORS_ORIGIN: 'https://a.example, https://b.example' }, addRoutes);
    t.equal((await ask(app, 'https://b.example'))[allow], 'https://b.example');
    t.equal((await ask(app, 'https://c.example'))[allow], undefined);
  });

  t.test('OPTIONS of other clients tells the methods', async (t) => {
    const { app } = await httpService(t, {}, addRoutes);
    t.match(await app.inject({ method: 'OPTIONS', url: '/read' }), {
      statusCode: 204,
      headers: { allow: 'GET, HEAD, OPTIONS' },
    });
    t.match(await app.inject({ method: 'OPTIONS', url: '/nowhere' }), { statusCode: 404 });
  });
});

t.test('API keys', async (t) => {
  const keys = { reader: 'reader-0123456789', writer: 'writer-0123456789', both: 'both-0123456789abc' };
  const API_KEYS = `reader:read:${keys.reader},writer:write:${keys.writer},both:read+write:${keys.both}`;
  const { app, logged } = await httpService(t, { API_KEYS }, addRoutes);
  const call = async (route: 'read' | 'write' | 'public', headers: Record<string, string>) =>
    await app.inject({ method: route === 'write' ? 'POST' : 'GET', url: `/${route}`, headers });

  const ways = (key: string): Record<string, string>[] => [{ authorization: `Bearer ${key}` }, { 'x-api-key': key }];

  for (const [name, route, status] of [
    ['reader', 'read', 200],
    ['reader', 'write', 403],
    ['writer', 'read', 403],
    ['writer', 'write', 200],
    ['both', 'read', 200],
    ['both', 'write', 200],
  ] as const) {
    for (const headers of ways(keys[name])) {
      const response = await call(route, headers);
      t.equal(response.statusCode, status, `${name} at ${route}`);
      if (status === 200) t.same(response.json(), { owner: name });
      else t.match(response.json(), { code: 'forbidden' });
    }
  }
  t.equal((await app.inject({ method: 'HEAD', url: '/read' })).statusCode, 401, 'HEAD is GET');
  t.same((await call('public', {})).json(), { owner: null }, 'public routes need none');
  t.equal((await call('read', { authorization: `bEaReR   ${keys.reader}` })).statusCode, 200, 'the scheme has no case');
  t.equal(
    (await call('read', { authorization: 'Basic eDp5', 'x-api-key': keys.reader })).statusCode,
    200,
    'behind a proxy that has its own',
  );
  t.match(await call('read', {}), { statusCode: 401, headers: { 'www-authenticate': 'Bearer' } });
  for (const headers of [`${keys.reader}x`, keys.reader.slice(0, -1), 'reader'].flatMap(ways)) {
    const response = await call('read', headers);
    t.match(response, { statusCode: 401, headers: { 'www-authenticate': /^Bearer/ } });
    t.match(response.json(), { code: 'unauthorized' });
  }
  for (const authorization of ['Bearer', 'Bearer ', keys.reader]) {
    t.equal((await call('read', { authorization })).statusCode, 401, authorization);
  }
  t.equal((await call('read', { 'x-api-key': keys.reader, host: 'api.example' })).statusCode, 200, 'from anywhere');
  t.notOk(
    Object.values(keys).some((key) => JSON.stringify(logged).includes(key)),
    'no key is logged',
  );
});

t.test('a route that states no scope keeps the service from starting', async (t) => {
  const start = httpService(t, {}, async (app) => {
    await app.register(async (inner) => void inner.get('/forgotten', async () => 'hello'));
  });
  await t.rejects(start, { message: 'route GET /forgotten states no scope' });
});

t.test('without API keys only local requests are served', async (t) => {
  const { app } = await httpService(t, { CORS_ORIGIN: 'https://console.example' }, addRoutes);
  const call = async (headers: Record<string, string>) => await app.inject({ url: '/public', headers });

  for (const host of ['localhost', 'LOCALHOST:8080', '127.0.0.1', '127.1.2.3:65535', '[::1]', '[::1]:8080']) {
    t.equal((await call({ host })).statusCode, 200, host);
  }
  for (const host of [
    'evil.example',
    'localhost.evil.example',
    'evil.example:localhost',
    'localhost:8080:80',
    'localhost:',
    'localhost:port',
    'localhost@evil.example',
    '127.0.0.1.evil.example',
    '127.evil.example',
    '1127.0.0.1',
    '127.1',
    '[::2]',
    '::1',
    '0.0.0.0',
    '10.0.0.1',
    ' ',
  ]) {
    t.notOk(isLocalHost(host), host);
  }
  t.notOk(isLocalHost(undefined));
  t.match((await call({ host: 'evil.example' })).json(), { status: 403, code: 'not_local' });
  t.match(
    await app.inject({ url: '/nowhere', headers: { host: 'evil.example' } }),
    { statusCode: 403 },
    'wherever it goes',
  );

  for (const origin of ['http://localhost:3000', 'https://127.0.0.1', 'http://[::1]:1', 'https://console.example']) {
    t.equal((await call({ origin })).statusCode, 200, origin);
  }
  for (const origin of ['null', 'http://evil.example', 'https://console.example.evil', 'http://console.example']) {
    t.match((await call({ origin })).json(), { code: 'not_local' }, origin);
  }

  const open = await httpService(t, { AUTH: 'none', HOST: '0.0.0.0' }, addRoutes);
  const headers = { host: 'api.example', origin: 'https://elsewhere.example' };
  t.equal((await open.app.inject({ url: '/read', headers })).statusCode, 200, 'AUTH=none lifts this');
});
