// API keys on the whole service: what every route asks for, and what a key with an owner gets to know of others' jobs.
import type { FastifyInstance } from 'fastify';
import t from 'tap';
import { build } from './build.ts';
import { ended, post } from './client.ts';
import { holdJobs } from './hold-jobs.ts';
import { routesOf } from './routes.ts';

const secrets = {
  ann: 'ann-0123456789abcdef',
  amy: 'amy-0123456789abcdef',
  bob: 'bob-0123456789abcdef',
  operator: 'operator-0123456789',
  reader: 'reader-0123456789ab',
  writer: 'writer-0123456789ab',
};
type Name = keyof typeof secrets;
const API_KEYS = `ann@acme:read+write:${secrets.ann},amy@acme:read+write:${secrets.amy},bob@blue:read+write:${secrets.bob}
  operator:read+write:${secrets.operator},reader:read:${secrets.reader},writer:write:${secrets.writer}`;
const as = (name: Name) => ({ 'x-api-key': secrets[name] });

/** What every route asks for. Whoever adds a route says here what it is. */
const rules: Record<string, 'read' | 'write' | 'public'> = {
  'GET /problems/:code': 'public',
  'GET /health': 'public',
  'GET /health/live': 'public',
  // Preflights, which carry no key; whatever else is OPTIONS is answered with the methods that are served.
  'OPTIONS *': 'public',
  'GET /openapi.json': 'public',
  'GET /docs': 'public',
  'GET /docs/': 'public',
  'GET /docs/static/*': 'public',
  'GET /docs/json': 'public',
  'GET /docs/yaml': 'public',
  'GET /docs/static/index.html': 'public',
  'GET /docs/static/swagger-initializer.js': 'public',
  'GET /': 'public',
  'GET /console/:version/*': 'public',
  'GET /metrics': 'read',
  'GET /v1/resources': 'read',
  'GET /v1/overview': 'read',
  'GET /v1/imports': 'read',
  'POST /v1/imports': 'write',
  'POST /v1/imports/preview': 'write',
  'GET /v1/imports/:job_id': 'read',
  'GET /v1/imports/:job_id/errors': 'read',
  'GET /v1/imports/:job_id/errors/groups': 'read',
  'GET /v1/imports/:job_id/rejects': 'read',
  'GET /v1/imports/:job_id/events': 'read',
  'POST /v1/imports/:job_id/cancel': 'write',
  'GET /v1/exports': 'read',
  'POST /v1/exports': 'write',
  'GET /v1/exports/estimate': 'read',
  'GET /v1/exports/:job_id': 'read',
  'GET /v1/exports/:job_id/download': 'read',
  'GET /v1/exports/:job_id/events': 'read',
  'POST /v1/exports/:job_id/cancel': 'write',
};

interface Job {
  job_id: string;
}

/** An import and a completed export of a key's owner. */
async function jobsOf(app: FastifyInstance, name: Name): Promise<Record<'imports' | 'exports', string>> {
  const headers = as(name);
  const content = 'id,email,name,role,created_at\n1,x,y,z,now\n';
  const imported = await post(app, { resource: 'users', name: 'u.csv', content, headers });
  const exported = await app.inject({ method: 'POST', url: '/v1/exports', headers, payload: { resource: 'users' } });
  const ids = { imports: imported.json<Job>().job_id, exports: exported.json<Job>().job_id };
  for (const type of ['imports', 'exports'] as const) await ended(app, ids[type], type, headers);
  return ids;
}

t.test('API keys', async (t) => {
  const app = await build(t, { API_KEYS });

  t.test('every route has a rule, and keeps it', async (t) => {
    const routes = routesOf(app);
    t.ok(routes.length > 20);
    for (const route of routes) {
      const [method = '', url = ''] = route.split(' ');
      // HEAD is GET without a body.
      const rule = rules[`${method === 'HEAD' ? 'GET' : method} ${url}`];
      if (!rule) {
        t.fail(`${route} has no rule`);
        continue;
      }
      const ask = async (headers: Record<string, string>) => {
        const path = url.replace(/^\*$/, '/v1/imports').replaceAll(/:\w+/g, 'x');
        const { statusCode } = await app.inject({ method: method as 'GET', url: path, headers });
        return statusCode;
      };
      const kept = rule === 'public' ? [] : [401, 403];
      t.equal(kept.includes(await ask({})), rule !== 'public', `${route} without a key`);
      t.equal(
        kept.includes(await ask({ 'x-api-key': `${secrets.reader}x` })),
        rule !== 'public',
        `${route}, unknown key`,
      );
      t.equal(kept.includes(await ask(as('reader'))), rule === 'write', `${route} with a key to read`);
      t.equal(kept.includes(await ask(as('writer'))), rule === 'read', `${route} with a key to write`);
    }
    const known = new Set(routes.map((route) => route.replace(/^HEAD /, 'GET ')));
    t.same([...known].sort(), Object.keys(rules).sort(), 'and every rule a route');
  });

  t.test('every answer keeps browsers from doing more with it than showing it', async (t) => {
    const expected = {
      'content-security-policy': "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
      'referrer-policy': 'no-referrer',
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-resource-policy': 'same-origin',
      'cache-control': 'no-store',
      'x-powered-by': undefined,
      server: undefined,
    };
    const paths = [
      '/health',
      '/metrics',
      '/v1/imports',
      '/v1/exports?resource=users&format=csv',
      '/v1/imports/x',
      '/nowhere',
      '/%zz',
    ];
    for (const url of paths) t.match((await app.inject({ url, headers: as('operator') })).headers, expected, url);
    t.match((await app.inject('/v1/imports')).headers, expected, 'refused');
    t.match((await app.inject({ method: 'OPTIONS', url: '/v1/imports' })).headers, expected, 'OPTIONS');
  });

  t.test('a key with an owner', async (t) => {
    const get = async (name: Name, url: string) => await app.inject({ url, headers: as(name) });
    const acme = await jobsOf(app, 'ann');
    const blue = await jobsOf(app, 'bob');
    const all = await jobsOf(app, 'operator');
    const routes = {
      imports: [
        'GET ',
        'GET /errors',
        'GET /errors?format=csv',
        'GET /errors/groups',
        'GET /rejects',
        'GET /events',
        'POST /cancel',
      ],
      exports: ['GET ', 'GET /download', 'GET /events', 'POST /cancel'],
    };

    /** The whole answer, but for what differs between any two. */
    async function answer(name: Name, type: 'imports' | 'exports', route: string, id: string) {
      const [method = '', path = ''] = route.split(' ');
      const url = `/v1/${type}/${id}${path}`;
      const { statusCode, headers, body } = await app.inject({ method: method as 'GET', url, headers: as(name) });
      const { date, 'x-request-id': requestId, ratelimit, ...rest } = headers;
      return { statusCode, headers: rest, body: body.replace(String(requestId), '') };
    }

    for (const type of ['imports', 'exports'] as const) {
      for (const route of routes[type]) {
        const nobodys = await answer('bob', type, route, '7f9c24e8-3b12-4fef-91e0-2f4d5a1b6c3d');
        t.equal(nobodys.statusCode, 404);
        t.same(await answer('bob', type, route, acme[type]), nobodys, `${route}: another's is like none`);
        t.same(await answer('bob', type, route, all[type]), nobodys, `${route}: so is that of a key without an owner`);
        for (const name of ['ann', 'amy', 'operator'] as const) {
          const { statusCode } = await answer(name, type, route, acme[type]);
          t.not(statusCode, 404, `${route}: ${name} sees it`);
        }
      }

      const listed = async (name: Name, query = '') =>
        (await get(name, `/v1/${type}${query}`)).json()[type].map(({ job_id }: Job) => job_id);
      t.same(await listed('ann'), [acme[type]]);
      t.same(await listed('amy'), [acme[type]], 'keys of one owner share its jobs');
      t.same(await listed('bob'), [blue[type]]);
      t.same(await listed('operator'), [all[type], blue[type], acme[type]], 'a key without an owner sees all');
      const page = (await get('operator', `/v1/${type}?limit=2`)).json();
      const { created_at } = (await get('bob', `/v1/${type}/${blue[type]}`)).json();
      t.equal(page.next, `${Date.parse(created_at)}_${blue[type]}`, 'the cursor tells nothing that the job does not');
      t.same(await listed('operator', `?limit=2&after=${page.next}`), [acme[type]]);
      t.same(await listed('ann', `?after=${page.next}`), [acme[type]], "beside another's job there are one's own");
      t.same(await listed('bob', `?after=0_${blue[type]}`), [], 'one that is there is found by its id');
    }

    t.equal((await get('ann', '/metrics')).statusCode, 200);
    const prometheus = async (name: Name) =>
      await app.inject({ url: '/metrics', headers: { ...as(name), accept: 'text/plain' } });
    t.match(
      (await prometheus('ann')).json(),
      { status: 403, code: 'forbidden' },
      'figures of everybody are not for one',
    );
    t.equal((await prometheus('operator')).statusCode, 200);
    t.equal((await app.inject('/health')).json().checks.queue.running_jobs, undefined);
  });

  t.test('an Idempotency-Key belongs to the API key, also among those of one owner', async (t) => {
    const send = async (name: Name) =>
      await app.inject({
        method: 'POST',
        url: '/v1/exports',
        headers: { ...as(name), 'idempotency-key': 'k' },
        payload: { resource: 'users' },
      });
    const first = await send('ann');
    t.equal(first.statusCode, 202);
    t.match(await send('ann'), { statusCode: 200, headers: { 'idempotency-replayed': 'true' } });
    t.equal((await send('amy')).statusCode, 202);
    t.equal((await send('bob')).statusCode, 202);
  });

  t.test('an import that waits for imports of others names those of its owner alone', async (t) => {
    await holdJobs(t, app);
    const content =
      '{"id":"00000000-0000-4000-8000-000000000001","email":"a@example.com","name":"A","role":"viewer","created_at":"2024-01-01T00:00:00Z"}';
    const parent = async (name: Name) =>
      (await post(app, { resource: 'users', name: 'u.ndjson', content, headers: as(name) })).json<Job>().job_id;
    const [own, other] = [await parent('ann'), await parent('bob')];
    const child = await post(app, { resource: 'articles', name: 'a.ndjson', content: '{}', headers: as('ann') });
    const awaited = async (name: Name) =>
      (await app.inject({ url: `/v1/imports/${child.json<Job>().job_id}`, headers: as(name) })).json().waiting_for;
    t.same(await awaited('ann'), [own]);
    t.same(await awaited('operator'), [own, other]);
  });
});
