// Requests that are sent twice, and requests that there is no room for. On a real database.
import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { FastifyInstance } from 'fastify';
import fp from 'fastify-plugin';
import t, { type Test } from 'tap';
import { openPool, type Sql } from '../../db/client.ts';
import { createJob } from '../../db/jobs.ts';
import { openKysely } from '../../db/kysely.ts';
import type { Database } from '../../db/tables.ts';
import backPressure, { type BackPressureOptions } from '../../plugins/back-pressure.ts';
import idempotency, { assertSameRequest } from '../../plugins/idempotency.ts';
import quotas from '../../plugins/quotas.ts';
import { problem } from '../../src/problems.ts';
import { createDatabase } from '../databases.ts';
import { type HttpService, httpService } from './http-service.ts';

const keys = { ann: 'ann-0123456789abcdef', bob: 'bob-0123456789abcdef' };
const API_KEYS = `ann:read+write:${keys.ann},bob:read+write:${keys.bob}`;

const connection = await createDatabase(t);

interface Options {
  env?: Record<string, string>;
  leaseMs?: number;
  pressure?: BackPressureOptions;
}

/** What a request of the test does between claiming its key and making its job. */
type Work = () => Promise<void>;

interface Service extends HttpService {
  sql: Sql;
  /** Posts a request; `key` null: without the header. */
  send(
    asked: string,
    key: string | null,
    more?: { to?: string; as?: keyof typeof keys; work?: Work },
  ): ReturnType<typeof post>;
  jobs(): Promise<number>;
}

const post = async (app: FastifyInstance, url: string, payload: object, headers: Record<string, string>) =>
  await app.inject({ method: 'POST', url, payload, headers });

/** A service whose jobs are made as the real routes make them, of a body that says what is asked for. */
async function service(test: Test, { env = {}, leaseMs, pressure = {} }: Options = {}): Promise<Service> {
  const sql = openPool(connection, { max: 5, name: 'test' });
  await sql`TRUNCATE bulk.jobs, bulk.idempotency_keys CASCADE`;
  const works = new Map<string, Work>();
  const http = await httpService(test, env, async (app) => {
    await app.register(
      fp(
        async (app) => {
          app.decorate('db', openKysely<Database>(sql));
          app.addHook('onClose', async () => await sql.end({ timeout: 5 }));
        },
        { name: 'database' },
      ),
    );
    await app.register(backPressure, pressure);
    await app.register(quotas);
    await app.register(idempotency, { leaseMs });
    for (const type of ['import', 'export'] as const) addJobRoute(app, type, works);
    for (const url of ['/health/live', '/read']) app.get(url, { config: { scope: 'public' } }, async () => 'here');
    app.get(
      '/cut-off',
      { config: { scope: 'public' } },
      async () => await sql`SELECT pg_terminate_backend(pg_backend_pid())`,
    );
  });
  return {
    ...http,
    sql,
    async send(asked, key, { to = '/import', as, work } = {}) {
      const id = randomUUID();
      if (work) works.set(id, work);
      const headers = { ...(key === null ? {} : { 'idempotency-key': key }), ...(as ? { 'x-api-key': keys[as] } : {}) };
      return await post(http.app, to, { asked, work: id }, headers);
    },
    jobs: async () => Number((await sql`SELECT count(*) FROM bulk.jobs`)[0]?.count),
  };
}

function addJobRoute(app: FastifyInstance, type: 'import' | 'export', works: ReadonlyMap<string, Work>): void {
  app.post<{ Body: { asked: string; work: string } }>(
    `/${type}`,
    { config: { scope: 'write' } },
    async (request, reply) => {
      const { asked: fingerprint, work } = request.body;
      const claim = await app.idempotency.claim(request);
      try {
        if (claim.earlier) {
          assertSameRequest(claim, fingerprint);
          return { job_id: claim.earlier.jobId };
        }
        await app.quotas.assertRoom(type, null);
        await works.get(work)?.();
        const id = await app.db.transaction().execute(async (tx) => {
          const job = { id: randomUUID(), type, resource: 'users', format: 'csv', options: {}, owner: request.owner };
          const { id } = await createJob(tx, job);
          await claim.complete(tx, fingerprint, id);
          if (fingerprint === 'rolled back') throw problem('unknown_option', 'after the key was completed');
          return id;
        });
        reply.code(202);
        return { job_id: id };
      } finally {
        await claim.release();
      }
    },
  );
}

/** A request that has claimed its key and is held there until `finish` is called. */
async function begin(service: Service, asked: string, key: string) {
  const begun = Promise.withResolvers<void>();
  const finish = Promise.withResolvers<void>();
  const response = service.send(asked, key, {
    work: async () => {
      begun.resolve();
      await finish.promise;
    },
  });
  await Promise.race([begun.promise, response]);
  return { finish: finish.resolve, response };
}

/** Until the value is as wanted; tap's own time-out ends it otherwise. */
async function until<T>(look: () => Promise<T>, wanted: (value: T) => boolean): Promise<T> {
  for (;;) {
    const value = await look();
    if (wanted(value)) return value;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

t.test('a request sent again makes no second job', async (t) => {
  const s = await service(t);
  const first = await s.send('users', 'key 1');
  t.equal(first.statusCode, 202);
  const again = await s.send('users', 'key 1');
  t.match(again, { statusCode: 200 });
  t.same(again.json(), first.json());
  t.match((await s.send('articles', 'key 1')).json(), { status: 422, code: 'idempotency_key_reused' });
  t.equal((await s.send('users', 'key 2')).statusCode, 202, 'another key');
  t.equal((await s.send('users', 'key 1', { to: '/export' })).statusCode, 202, 'another route');
  t.equal(await s.jobs(), 3);
});

t.test('without a key every request makes a job', async (t) => {
  const s = await service(t);
  t.equal((await s.send('users', null)).statusCode, 202);
  t.equal((await s.send('users', null)).statusCode, 202);
  t.equal(await s.jobs(), 2);
  t.same(await s.sql`SELECT FROM bulk.idempotency_keys`, []);
});

t.test('a key belongs to its API key', async (t) => {
  const s = await service(t, { env: { API_KEYS } });
  t.equal((await s.send('users', 'key', { as: 'ann' })).statusCode, 202);
  t.equal((await s.send('articles', 'key', { as: 'bob' })).statusCode, 202);
  t.equal((await s.send('users', 'key', { as: 'ann' })).statusCode, 200);
});

t.test('a key that is none is refused', async (t) => {
  const s = await service(t);
  for (const key of ['', 'x'.repeat(256), 'clé', 'a\tb']) {
    t.match((await s.send('users', key)).json(), { status: 400, code: 'invalid_idempotency_key' }, JSON.stringify(key));
  }
  t.equal((await s.send('users', `${'x'.repeat(254)}~`)).statusCode, 202, 'up to 255 characters');
});

t.test('twenty simultaneous requests with one key make one job', async (t) => {
  const s = await service(t);
  for (const key of ['a', 'b', 'c']) {
    const before = await s.jobs();
    const responses = await Promise.all(Array.from({ length: 20 }, () => s.send('users', key)));
    t.equal(await s.jobs(), before + 1);
    t.equal(responses.filter(({ statusCode }) => statusCode === 202).length, 1, 'one made it');
    for (const response of responses) {
      if (response.statusCode === 409) t.match(response.json(), { code: 'idempotency_key_in_use' });
      else t.match(response.statusCode, /^20[02]$/);
    }
    const ids = responses.filter(({ statusCode }) => statusCode < 300).map((response) => response.json().job_id);
    t.equal(new Set(ids).size, 1, 'all that have an answer have the same job');
  }
});

t.test('while the first is received, others are told to come back', async (t) => {
  const s = await service(t);
  const first = await begin(s, 'users', 'key');
  t.match(await s.send('users', 'key'), { statusCode: 409, headers: { 'retry-after': '5' } });
  first.finish();
  t.equal((await first.response).statusCode, 202);
  t.equal((await s.send('users', 'key')).statusCode, 200);
});

t.test('a request that fails frees its key', async (t) => {
  const s = await service(t);
  const refused = async () => {
    throw problem('file_too_large', 'the file is too large');
  };
  t.equal((await s.send('users', 'key', { work: refused })).statusCode, 413);
  t.equal((await s.send('rolled back', 'key')).statusCode, 400, 'also after it was completed in vain');
  t.equal(await s.jobs(), 0);
  t.equal((await s.send('users', 'key')).statusCode, 202);
});

t.test('an expired key counts as absent', async (t) => {
  const s = await service(t);
  await s.send('users', 'key');
  await s.sql`UPDATE bulk.idempotency_keys SET expires_at = now()`;
  t.equal((await s.send('articles', 'key')).statusCode, 202);
  t.equal((await s.send('articles', 'key')).statusCode, 200);
});

t.test('a key whose holder died is taken over', async (t) => {
  const s = await service(t);
  const frozen = await begin(s, 'users', 'key');
  await s.sql`UPDATE bulk.idempotency_keys SET lease_until = now()`;
  const successor = await begin(s, 'users', 'key');
  frozen.finish();
  t.match((await frozen.response).json(), { status: 409, code: 'idempotency_key_in_use' }, 'it wakes up, too late');
  t.equal(await s.jobs(), 0, 'and leaves no job');
  t.equal((await s.send('users', 'key')).statusCode, 409, 'nor frees what is not its own any more');
  successor.finish();
  t.equal((await successor.response).statusCode, 202);
  t.equal(await s.jobs(), 1);
});

t.test('an upload that takes its time keeps its key', async (t) => {
  // Long enough not to lapse on a busy machine between two renewals.
  const s = await service(t, { leaseMs: 2_400 });
  const slow = await begin(s, 'users', 'key');
  const leaseEnd = async () => (await s.sql`SELECT lease_until FROM bulk.idempotency_keys`)[0]?.lease_until as Date;
  const first = await leaseEnd();
  await until(leaseEnd, (end) => end > first);
  t.equal((await s.send('users', 'key')).statusCode, 409);
  slow.finish();
  t.equal((await slow.response).statusCode, 202);
});

t.test('a key that cannot be freed does not spoil the answer', async (t) => {
  const s = await service(t);
  const work = async () => {
    await s.sql`ALTER TABLE bulk.idempotency_keys RENAME TO elsewhere`;
    throw problem('file_too_large', 'the file is too large');
  };
  t.match((await s.send('users', 'key', { work })).json(), { status: 413, code: 'file_too_large' });
  t.ok(s.logged.some(({ msg }) => msg === 'An Idempotency-Key could not be released'));
  await s.sql`ALTER TABLE bulk.elsewhere RENAME TO idempotency_keys`;
});

t.test('a new job is refused while too many of its kind have not ended', async (t) => {
  const s = await service(t, { env: { MAX_UNFINISHED_JOBS: '2' } });
  for (const status of [202, 202, 429]) t.equal((await s.send('users', null)).statusCode, status);
  const refused = await s.send('users', 'key');
  t.match(refused.json(), { code: 'too_many_jobs', detail: /^2 import jobs/ });
  t.match(refused.headers, { 'retry-after': '10' });
  t.equal((await s.send('users', null, { to: '/export' })).statusCode, 202, 'exports are counted apart');
  await s.sql`UPDATE bulk.jobs SET status = 'processing' WHERE type = 'import'`;
  t.equal((await s.send('users', 'key')).statusCode, 429, 'running ones count too');
  await s.sql`UPDATE bulk.jobs SET status = 'failed' WHERE id = (SELECT id FROM bulk.jobs WHERE type = 'import' LIMIT 1)`;
  t.equal((await s.send('users', 'key')).statusCode, 202, 'one has ended; the key was freed by its refusals');
});

t.test('a connection that the database ends is 503', async (t) => {
  const s = await service(t);
  t.match((await s.app.inject('/cut-off')).json(), { status: 503, code: 'database_unavailable' });
});

t.test('under pressure requests are turned away, but for the question whether the process lives', async (t) => {
  // Longer than the 10 ms of the loop's own sampling, or its delay is taken for infinite now and then.
  const s = await service(t, { pressure: { maxHeapUsedBytes: 1, sampleIntervalMs: 100 } });
  const refused = await until(
    async () => await s.app.inject('/read'),
    ({ statusCode }) => statusCode === 503,
  );
  t.match(refused.json(), { code: 'too_busy', detail: 'the service is too busy to answer in time; try again' });
  t.match(refused.headers, { 'retry-after': '5', 'x-request-id': /./ });
  t.equal((await s.app.inject('/health/live')).statusCode, 200);
  t.ok(s.logged.some(({ msg, pressure }) => msg === 'Request refused under pressure' && pressure === 'heapUsedBytes'));
});

t.test('a blocked event loop turns requests away, and no longer than it is blocked', async (t) => {
  const s = await service(t, { env: { MAX_EVENT_LOOP_DELAY: '50ms' }, pressure: { sampleIntervalMs: 200 } });
  const status = async () => (await s.app.inject('/read')).statusCode;
  await until(
    async () => {
      // Several turns, so that each sample sees the delay of one before it.
      for (let turn = 0; turn < 4; turn++) {
        const end = performance.now() + 120;
        while (performance.now() < end);
        await pause(1);
      }
      return await status();
    },
    (code) => code === 503,
  );
  t.equal(await until(status, (code) => code === 200), 200);
});
