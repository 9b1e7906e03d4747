// Request ids and problems: whatever goes wrong with a request, its answer says so in one form.
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
import { signalGone } from '../../src/http/signal-gone.ts';
import { problem, problems } from '../../src/problems.ts';
import { NoThread } from '../../src/run-in-threads.ts';
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
  app.get('/read', read, async () => 'read');
  app.post('/write', { config: { scope: 'write' } }, async () => 'written');
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
  app.get('/no-thread', read, async () => {
    throw new NoThread();
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
    for (const query of ['limit=1&limit=2', 'status=completed&status=pending', 'after=1&after=1']) {
      const [field] = query.split('=', 1);
      t.match(await refused(query), { detail: `${field} is given more than once`, field, in: 'query' });
    }
    t.match(await refused('status=lost'), { detail: 'status must be one of: pending, completed' });
    t.match(await refused('after=x'), { detail: 'after must be the `next` of the page before' });
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

  t.test('threads that do not start are 503 with Retry-After', async (t) => {
    const { statusCode, headers } = await app.inject('/no-thread');
    t.match({ statusCode, headers }, { statusCode: 503, headers: { 'retry-after': /^\d+$/ } });
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

t.test('nor is one that leaves while its answer is made', async (t) => {
  const asked = Promise.withResolvers<void>();
  const over = Promise.withResolvers<void>();
  const { app, logged } = await httpService(t, {}, (app) => {
    app.get('/slow', { config: { scope: 'read' } }, async (_request, { raw }) => {
      const gone = signalGone(raw);
      asked.resolve();
      await once(gone, 'abort');
      throw gone.reason;
    });
    app.addHook('onSend', async () => over.resolve());
  });
  const socket = await dial(app);
  socket.write('GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n');
  await asked.promise;
  socket.destroy();
  await over.promise;
  t.ok(logged.some(({ detail }) => detail === 'the client went away'));
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
  socket.end('GET /read HTTP/1.1\r\nHost: localhost\r\n\r\n');
  const answer = await text(socket);
  release.resolve();
  await closed;
  t.match(answer, /^HTTP\/1\.1 503 /);
  t.match(answer.toLowerCase(), /\r\nretry-after: 5\r\n/);
  t.match(answer, /"code":"too_busy"/);
});
