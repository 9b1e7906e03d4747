// How much a caller may ask for: requests a minute, unfinished and running jobs, stored bytes.
import { readdir } from 'node:fs/promises';
import type { FastifyInstance } from 'fastify';
import t, { type Test } from 'tap';
import { build } from '../build.ts';
import { ended, post } from '../client.ts';
import { holdJobs } from '../hold-jobs.ts';
import { httpService } from './http-service.ts';

const secrets = {
  ann: 'ann-0123456789abcdef',
  bob: 'bob-0123456789abcdef',
  cat: 'cat-0123456789abcdef',
};
const API_KEYS = `ann@acme:read+write:${secrets.ann},bob@acme:read+write:${secrets.bob},cat:read+write:${secrets.cat}`;
type Name = keyof typeof secrets;
const as = (name: Name) => ({ 'x-api-key': secrets[name] });

function addRoutes(app: FastifyInstance): void {
  app.get('/read', { config: { scope: 'read' } }, async () => 'read');
  app.get('/alive', { config: { scope: 'public', unlimited: true } }, async () => 'alive');
}

/** A clock of the test's own. @returns sets it forward. */
function stopClock(t: Test): (ms: number) => void {
  let now = Date.now();
  t.intercept(Date, 'now', { value: () => now });
  return (ms) => void (now += ms);
}

t.test('requests a minute', async (t) => {
  t.test('of each API key; every answer tells the state, the refusal when to come back', async (t) => {
    const pass = stopClock(t);
    const { app } = await httpService(t, { API_KEYS, RATE_LIMIT: '2' }, addRoutes);
    const ask = async (name: Name) => await app.inject({ url: '/read', headers: as(name) });
    t.match(await ask('ann'), {
      statusCode: 200,
      headers: { 'ratelimit-policy': '"requests";q=2;w=60', ratelimit: '"requests";r=1;t=60' },
    });
    pass(20_500);
    t.match(await ask('ann'), { statusCode: 200, headers: { ratelimit: '"requests";r=0;t=40' } });
    const refused = await ask('ann');
    t.match(refused, {
      statusCode: 429,
      headers: {
        'content-type': /^application\/problem\+json/,
        'retry-after': '40',
        'ratelimit-policy': '"requests";q=2;w=60',
        ratelimit: '"requests";r=0;t=40',
      },
    });
    t.match(refused.json(), {
      code: 'too_many_requests',
      detail: "the API key 'ann' may send 2 requests a minute; try again in 40 seconds",
      'violated-policies': ['requests'],
    });
    t.equal((await ask('bob')).statusCode, 200, 'another key, though of the same owner, has its own');
    pass(39_500);
    t.equal((await ask('ann')).statusCode, 200, 'the minute is over');
  });

  t.test('of each client address without keys, and of those who have none or a wrong one', async (t) => {
    stopClock(t);
    const open = await httpService(t, { AUTH: 'none', RATE_LIMIT: '1' }, addRoutes);
    const status = async ({ app }: typeof open, remoteAddress: string, headers = {}) =>
      (await app.inject({ url: '/read', remoteAddress, headers })).statusCode;
    t.equal(await status(open, '192.0.2.1'), 200);
    t.equal(await status(open, '192.0.2.1'), 429);
    t.equal(await status(open, '::ffff:192.0.2.1'), 429, 'the same, written for IPv6');
    t.equal(await status(open, '192.0.2.2'), 200);
    t.equal(await status(open, '2001:db8:0:1::1'), 200);
    t.equal(await status(open, '2001:db8:0:1:ffff::2'), 429, 'one client has a whole /64');
    t.equal(await status(open, '2001:db8:0:2::1'), 200);

    const forwarded = { 'x-forwarded-for': '203.0.113.9' };
    t.equal(await status(open, '192.0.2.1', forwarded), 429, 'what is forwarded counts for nothing');

    const keyed = await httpService(t, { API_KEYS, RATE_LIMIT: '2' }, addRoutes);
    t.equal(await status(keyed, '192.0.2.1', { 'x-api-key': `${secrets.ann}x` }), 401);
    t.equal(await status(keyed, '192.0.2.1'), 401);
    t.equal(await status(keyed, '192.0.2.1', { 'x-api-key': 'another-guess' }), 429, 'guessing is limited');
    t.equal(await status(keyed, '192.0.2.1', as('ann')), 200, 'whose key is known is none of them');
  });

  t.test('behind a proxy that is trusted, of the client that it names', async (t) => {
    stopClock(t);
    const env = { AUTH: 'none', RATE_LIMIT: '1', TRUST_PROXY: '10.0.0.0/8' };
    const { app, logged } = await httpService(t, env, addRoutes);
    const ask = async (remoteAddress: string, forwarded: string) => {
      const headers = { 'x-forwarded-for': forwarded };
      return (await app.inject({ url: '/read', remoteAddress, headers })).statusCode;
    };
    t.equal(await ask('10.0.0.5', '203.0.113.1'), 200);
    t.equal(await ask('10.0.0.6', '203.0.113.1'), 429, 'whichever proxy it comes by');
    t.equal(await ask('10.0.0.5', '203.0.113.2, 10.1.1.1'), 200, 'by two proxies');
    t.equal(await ask('10.0.0.5', '203.0.113.77, 203.0.113.1'), 429, 'what the client says itself counts for nothing');
    t.equal(await ask('192.0.2.1', '203.0.113.3'), 200);
    t.equal(await ask('192.0.2.1', '203.0.113.4'), 429, 'nor does what comes by nobody that is trusted');
    for (const nonsense of ['', ',', 'unknown', '999.1.1.1', 'x'.repeat(5_000)]) {
      t.ok([200, 429].includes(await ask('10.0.0.7', nonsense)), JSON.stringify(nonsense.slice(0, 20)));
    }
    const addresses = logged.map(({ req }) => (req as { remoteAddress?: string } | undefined)?.remoteAddress);
    t.ok(addresses.includes('203.0.113.2'), 'the log names the client');
  });

  t.test('never of whom asks whether the service lives', async (t) => {
    const { app } = await httpService(t, { AUTH: 'none', RATE_LIMIT: '1' }, addRoutes);
    for (let asked = 0; asked < 5; asked++) {
      const response = await app.inject('/alive');
      t.match(response, { statusCode: 200, headers: { ratelimit: undefined } });
    }
    t.equal((await app.inject('/read')).statusCode, 200, 'nor are these counted');
    t.equal((await app.inject('/nowhere')).statusCode, 429, 'what is not there is');
  });

  t.test('a thousand a second unless something else is said; 0 is any number', async (t) => {
    const standard = await httpService(t, {}, addRoutes);
    t.match((await standard.app.inject('/read')).headers, { 'ratelimit-policy': '"requests";q=60000;w=60' });
    const off = await httpService(t, { RATE_LIMIT: '0' }, addRoutes);
    const { headers } = await off.app.inject('/read');
    t.notOk(headers.ratelimit ?? headers['ratelimit-policy']);
  });
});

const userLine = (n: number) =>
  `{"id":"00000000-0000-4000-8000-${String(n).padStart(12, '0')}","email":"u${n}@example.com","name":"U","role":"viewer","created_at":"2024-01-01T00:00:00Z"}\n`;

/** The service, and how to ask it. Jobs stay as they are unless a test wants them to run. */
async function service(t: Test, env: Record<string, string>) {
  const app = await build(t, { API_KEYS, ...env });
  return {
    app,
    upload: async (name: Name, content = userLine(1), headers = {}) =>
      await post(app, { resource: 'users', name: 'u.ndjson', content, headers: { ...as(name), ...headers } }),
    exportAs: async (name: Name) =>
      await app.inject({ method: 'POST', url: '/v1/exports', headers: as(name), payload: { resource: 'users' } }),
    end: async (name: Name, jobId: string, type?: 'imports' | 'exports') => await ended(app, jobId, type, as(name)),
  };
}

t.test('unfinished and running jobs of an owner', async (t) => {
  const { app, upload, exportAs, end } = await service(t, {
    MAX_UNFINISHED_JOBS: '5',
    MAX_UNFINISHED_JOBS_PER_OWNER: '2',
    MAX_RUNNING_JOBS_PER_OWNER: '1',
  });
  const letGo = await holdJobs(t, app);
  const simultaneous = await Promise.all(
    Array.from({ length: 8 }, async (_, n) => await upload(n % 2 === 0 ? 'ann' : 'bob')),
  );
  const accepted = simultaneous.filter(({ statusCode }) => statusCode === 202);
  t.equal(accepted.length, 2, 'to the job, however many ask at once, with whichever key');
  t.match(simultaneous.find(({ statusCode }) => statusCode !== 202)?.json(), {
    status: 429,
    code: 'too_many_jobs',
    detail: "2 import jobs of this API key's owner are running or waiting; try again when one has ended",
  });
  t.equal((await upload('cat')).statusCode, 202, 'another owner has room');
  const exports = [await exportAs('ann'), await exportAs('ann')];
  t.ok(
    exports.every(({ statusCode }) => statusCode === 202),
    'exports are counted apart',
  );
  t.match((await app.inject({ url: '/v1/imports', headers: as('cat') })).json().imports, { length: 3 });

  const queued = await app.sql<{ type: string; owner: string; entries: number }[]>`
    SELECT type, owner, count(*) AS entries FROM bulk.jobs JOIN pgboss.job entry ON entry.singleton_key = jobs.id::text
    GROUP BY type, owner ORDER BY type, owner`;
  t.same(
    queued.map(({ type, owner, entries }) => [type, owner, entries]),
    [
      ['export', 'acme', 1],
      ['import', 'acme', 1],
      ['import', 'cat', 1],
    ],
    'one of each kind may run, and no owner takes the place of another',
  );
  await letGo();
  for (const job of accepted) t.match(await end('ann', job.json().job_id), { status: 'completed' });
  for (const job of exports) t.match(await end('ann', job.json().job_id, 'exports'), { status: 'completed' });
  t.equal((await upload('ann')).statusCode, 202, 'room again');
});

t.test('stored bytes of an owner', async (t) => {
  const content = userLine(1) + userLine(2);
  const room = 3 * content.length - 10;
  const { app, upload, exportAs, end } = await service(t, { MAX_STORED_SIZE_PER_OWNER: String(room) });
  const simultaneous = await Promise.all(Array.from({ length: 5 }, async () => await upload('ann', content)));
  const accepted = simultaneous.filter(({ statusCode }) => statusCode === 202).map((job) => job.json().job_id);
  t.equal(accepted.length, 2, 'to the byte, however many ask at once');
  const refused = simultaneous.find(({ statusCode }) => statusCode !== 202);
  t.match(refused?.json(), { status: 429, code: 'storage_quota', detail: new RegExp(`${room} bytes together`) });
  for (const id of accepted) await end('ann', id);
  t.equal((await readdir(app.config.uploadDir)).length, 2, 'what was refused left no file');

  const written = await exportAs('bob');
  t.match(await end('bob', written.json().job_id, 'exports'), {
    status: 'failed',
    failure: { code: 'storage_quota', detail: /MAX_STORED_SIZE_PER_OWNER/ },
  });
  const other = await exportAs('cat');
  const exported = await end('cat', other.json().job_id, 'exports');
  t.match(exported, { status: 'completed' }, 'another owner has room');

  const key = { 'idempotency-key': 'once' };
  await app.sql`UPDATE bulk.jobs SET file = NULL WHERE id = ${accepted[0] as string}`;
  t.equal((await upload('ann', content, key)).statusCode, 202, 'what is swept is free again');
  t.equal((await upload('ann', content, key)).statusCode, 200, 'a request sent again stores nothing');
  t.equal((await upload('ann', content)).statusCode, 429);
  await app.sql`UPDATE bulk.jobs SET bytes_total = ${room} WHERE owner = 'acme' AND file IS NOT NULL`;
  t.match((await exportAs('ann')).json(), { code: 'storage_quota' }, 'exports are refused as well, once it is full');

  // Room for one of two that are written before either ends.
  const { bytes } = exported as unknown as { bytes: number };
  await app.sql`UPDATE bulk.jobs SET bytes_total = CASE id WHEN ${accepted[1]} THEN ${room - 1.5 * bytes}::float8 ELSE 0 END
    WHERE owner = 'acme' AND file IS NOT NULL`;
  const files = app.storage.exports;
  const { write } = files;
  const bothWritten = Promise.withResolvers<void>();
  let unwritten = 2;
  files.write = async (...given) => {
    const file = await write.apply(files, given);
    if (--unwritten === 0) bothWritten.resolve();
    await bothWritten.promise;
    return file;
  };
  const kept = (await readdir(app.config.exportDir)).length;
  const asked = [await exportAs('ann'), await exportAs('bob')];
  const together = await Promise.all(asked.map(async (job) => await end('ann', job.json().job_id, 'exports')));
  t.match(
    together.toSorted((a, b) => a.status.localeCompare(b.status)),
    [{ status: 'completed' }, { status: 'failed', failure: { code: 'storage_quota' } }],
    'of exports that end together those have room that are first',
  );
  t.equal((await readdir(app.config.exportDir)).length, kept + 1, 'the file of the other is gone');
});
