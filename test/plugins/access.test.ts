// Who is let in: CORS, API keys and their scopes, and without keys the check that a request is local.
import type { FastifyInstance } from 'fastify';
import t from 'tap';
import { isLocalHost } from '../../src/http/local-requests.ts';
import { httpService } from './http-service.ts';

function addRoutes(app: FastifyInstance): void {
  app.get('/read', { config: { scope: 'read' } }, async ({ owner }) => ({ owner }));
  app.post('/write', { config: { scope: 'write' } }, async ({ owner }) => ({ owner }));
  app.get('/public', { config: { scope: 'public' } }, async ({ owner }) => ({ owner }));
}

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
  const forwarded = { forwarded: 'host=localhost;for=127.0.0.1', 'x-forwarded-host': 'localhost' };
  t.match(
    (await call({ host: 'evil.example', ...forwarded, 'x-forwarded-for': '127.0.0.1' })).json(),
    { code: 'not_local' },
    'whatever a proxy, or who calls himself one, forwards',
  );
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
