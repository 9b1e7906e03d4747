// Several at once on the same rows: jobs, clients and neighbours. No deadlock reaches a user, and what comes of a file is
// settled by the file.
import { setTimeout as pause } from 'node:timers/promises';
import fc from 'fast-check';
import type { FastifyInstance } from 'fastify';
import t from 'tap';
import { openPool } from '../../db/client.ts';
import { sqlstateOf } from '../../db/sqlstate.ts';
import { buildApp } from '../../src/app.ts';
import { loadConfig } from '../../src/config.ts';
import { ended, type ImportStatus, listen, post, statusOf } from '../client.ts';
import { createDatabase } from '../databases.ts';
import { environment } from '../environment.ts';
import { holdJobs } from '../hold-jobs.ts';
import { id } from '../numbered.ts';
import { temporaryFolder } from '../temporary-folder.ts';

const connection = await createDatabase(t);
const folder = await temporaryFolder(t);
const sql = openPool(connection, { max: 6, name: 'test' });

/** Two services on one database and the same folders, whose settings differ as much as they may. */
const apps = await Promise.all(
  [
    { IMPORT_BATCH_SIZE: '3', IMPORT_CONNECTIONS: '4', IMPORT_WORKERS: '2' },
    { IMPORT_BATCH_SIZE: '25', IMPORT_CONNECTIONS: '2', IMPORT_WORKERS: '1' },
  ].map(async (settings) => {
    const env = { ...environment(connection, folder), JOB_CONCURRENCY: '4', DB_MAX_OPEN_CONNS: '50', ...settings };
    return await buildApp(loadConfig(env));
  }),
);
const [app] = apps as [FastifyInstance, FastifyInstance];
t.after(async () => {
  await Promise.all(apps.map((app) => app.close()));
  await sql.end({ timeout: 1 });
});

const range = (length: number) => Array.from({ length }, (_, n) => n);
const ndjson = (records: unknown[]) => records.map((record) => `${JSON.stringify(record)}\n`).join('');
const created_at = '2024-01-01T00:00:00Z';
const user = (n: number) => ({ id: id(n), email: `u${n}@example.com`, name: 'U', role: 'viewer', created_at });
const article = (n: number) => ({ id: id(n), slug: `a-${n}`, title: 'A', body: 'b', author_id: id(n), created_at });
const comment = (n: number, parent = n) => ({
  id: id(n),
  article_id: id(parent),
  user_id: id(parent),
  body: 'c',
  created_at,
});

async function accepted(app: FastifyInstance, resource: string, records: unknown[]): Promise<string> {
  const response = await post(app, { resource, name: `${resource}.ndjson`, content: ndjson(records) });
  if (response.statusCode !== 202) throw new Error(response.body);
  return response.json().job_id;
}

async function forget(): Promise<void> {
  await sql`TRUNCATE users, articles, comments, bulk.jobs, bulk.row_errors CASCADE`;
}

/** How many chunks of the job are committed; fewer only when it has ended. */
async function committed(jobId: string, chunks: number): Promise<void> {
  for (;;) {
    const [found] = await sql<{ enough: boolean }[]>`
      SELECT status NOT IN ('pending', 'processing')
        OR (SELECT count(*) FROM bulk.chunks WHERE job_id = ${jobId}) >= ${chunks} AS enough FROM bulk.jobs WHERE id = ${jobId}`;
    if (found?.enough) return;
    await pause(1);
  }
}

t.test('two to eight jobs on the same keys at once: each key is loaded by one of them, once', async (t) => {
  const records = 60;
  const orders: ((keys: number[]) => number[])[] = [
    (keys) => keys,
    (keys) => keys.toReversed(),
    (keys) => [...keys.slice(30), ...keys.slice(0, 30)],
  ];
  await fc.assert(
    fc.asyncProperty(fc.array(fc.constantFrom(0, 1, 2), { minLength: 2, maxLength: 8 }), async (jobs) => {
      await forget();
      const ids = await Promise.all(
        jobs.map((order, n) => accepted(apps[n % 2]!, 'users', orders[order]!(range(records)).map(user))),
      );
      const results = await Promise.all(ids.map((jobId) => ended(app, jobId)));
      for (const job of results) {
        if (job.status !== 'completed' || job.processed !== records || job.total_records !== records)
          throw new Error(JSON.stringify(job));
        if (job.errors.some(({ code }) => code !== 'duplicate')) throw new Error(JSON.stringify(job.errors));
      }
      const loaded = results.reduce((sum, { successful }) => sum + successful, 0);
      const [rows] = await sql<{ count: number }[]>`SELECT count(*) FROM users`;
      if (loaded !== records || rows?.count !== records) throw new Error(`${loaded} loaded, ${rows?.count} rows`);
    }),
    { numRuns: 2, examples: [[[0, 1, 2, 0, 1, 2, 0, 1]]] },
  );
  t.pass();
});

t.test('two jobs that take the same keys in opposite order: no deadlock of theirs is heard of', async (t) => {
  await forget();
  const deadlocks = async () =>
    (await sql`SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()`)[0]?.deadlocks;
  const before = await deadlocks();
  // So slow that each has taken what the other still needs.
  await sql.unsafe(`CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS
      'BEGIN PERFORM pg_sleep(0.01); RETURN new; END';
    CREATE TRIGGER dawdle BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION dawdle()`);
  const begin = await holdJobs(t, app);
  const records = range(25).map(user);
  const oneChunk = apps[1]!;
  const jobs = [];
  for (const file of [records, records.toReversed()]) jobs.push(await accepted(oneChunk, 'users', file));
  for (const jobId of jobs) await isBlocked(jobId);
  await begin();
  const results = await Promise.all(jobs.map((jobId) => ended(app, jobId)));
  await sql`DROP TRIGGER dawdle ON users`;
  for (const job of results) t.match(job, { status: 'completed', processed: 25 });
  t.equal(
    results.reduce((sum, { successful }) => sum + successful, 0),
    25,
  );
  // Statistics come a moment later.
  while ((await deadlocks()) === before) await pause(50);
});

/** Waits until the job's loading waits for a lock. */
async function isBlocked(jobId: string): Promise<void> {
  const blocked = () => sql`SELECT FROM pg_stat_activity
    WHERE starts_with(application_name, ${`bulk ${jobId} `}) AND wait_event_type = 'Lock'`;
  while ((await blocked()).length === 0) await pause(10);
}

t.test('what comes of a file is settled by the file, not by chunks, threads or connections', async (t) => {
  // Few keys, so that records collide with one another in every way: by id, by e-mail, with rejected ones.
  const record = fc
    .record({ id: fc.nat(25), email: fc.nat(25), valid: fc.boolean() })
    .map(({ id: n, email, valid }) => ({
      ...user(n),
      email: `u${email}@example.com`,
      role: valid ? 'viewer' : 'king',
    }));
  await fc.assert(
    fc.asyncProperty(fc.array(record, { minLength: 30, maxLength: 90 }), async (records) => {
      const outcomes = [];
      for (const app of apps) {
        await forget();
        const job = await ended(app, await accepted(app, 'users', records));
        const rows = await sql<{ id: string }[]>`SELECT id FROM users ORDER BY id`;
        const errors = await sql`SELECT record, field, code FROM bulk.row_errors ORDER BY record, n`;
        outcomes.push({ status: job.status, rows: rows.map(({ id }) => id), errors: [...errors] });
      }
      if (JSON.stringify(outcomes[0]) !== JSON.stringify(outcomes[1])) throw new Error(JSON.stringify(outcomes));
      const expected = greedy(records);
      if (JSON.stringify(outcomes[0]?.rows) !== JSON.stringify(expected))
        throw new Error(JSON.stringify({ outcomes, expected }));
    }),
    // To shrink it would take longer than the test may.
    { numRuns: 5, endOnFailure: true },
  );
  t.pass();
});

/** The first acceptable record with a key wins; a rejected one claims nothing. */
function greedy(records: { id: string; email: string; role: string }[]): string[] {
  const taken = new Set<string>();
  const loaded = records.filter(({ id, email, role }) => {
    if (role !== 'viewer' || taken.has(id) || taken.has(email)) return false;
    taken.add(id).add(email);
    return true;
  });
  return loaded.map(({ id }) => id).sort();
}

t.test('parents and children posted in one go, to either service, while exports run', async (t) => {
  await forget();
  const url = await listen(app);
  const all = range(300);
  const jobs: string[] = [];
  for (const [n, [resource, make]] of Object.entries({ users: user, articles: article, comments: comment }).entries()) {
    jobs.push(
      await accepted(
        apps[n % 2]!,
        resource,
        all.map((n) => make(n)),
      ),
    );
  }
  const family = Promise.all(jobs.map((jobId) => ended(app, jobId)));
  let over = false;
  void family.finally(() => (over = true));
  const snapshots = new Set<number>();
  while (!over) {
    const response = await fetch(new URL('/v1/exports?resource=comments&fields=id', url));
    const body = await response.text();
    if (!response.ok) throw new Error(body);
    snapshots.add(body.split('\n').length - 1);
    await pause(10);
  }
  for (const job of await family) t.match(job, { status: 'completed', successful: 300, failed: 0 });
  // The comments were accepted by the service with 3 records a chunk: of each chunk all or nothing.
  t.same(
    [...snapshots].filter((rows) => rows % 3 !== 0),
    [],
    [...snapshots].join(),
  );
});

t.test('parents are deleted while their children are imported: no child is left without one', async (t) => {
  // Each chunk stays open for a while once its references are checked and its rows are there.
  await sql.unsafe(`CREATE FUNCTION linger() RETURNS trigger LANGUAGE plpgsql AS
      'BEGIN PERFORM pg_sleep(0.01); RETURN NULL; END';
    CREATE TRIGGER linger AFTER UPDATE ON bulk.jobs FOR EACH STATEMENT EXECUTE FUNCTION linger()`);
  let mixed = 0;
  // With records that are there already the references are looked up in another way (src/import/load-chunk.ts).
  for (const [references, repeated] of [
    ['set', 0],
    ['set', 100],
    ['triggers', 0],
  ] as const) {
    await forget();
    await sql.unsafe(
      references === 'set'
        ? 'DROP TRIGGER IF EXISTS theirs ON comments'
        : `CREATE OR REPLACE FUNCTION theirs() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
           CREATE TRIGGER theirs BEFORE INSERT ON comments FOR EACH ROW EXECUTE FUNCTION theirs()`,
    );
    const parents = 40;
    await ended(app, await accepted(app, 'users', range(parents + 1).map(user)));
    await ended(app, await accepted(app, 'articles', range(parents + 1).map(article)));
    const earlier = range(repeated).map((n) => comment(4 * n, parents));
    await ended(app, await accepted(app, 'comments', earlier));
    const jobId = await accepted(
      app,
      'comments',
      range(400).map((n) => comment(n, Math.floor(n / 10))),
    );
    const refused: unknown[] = [];
    const deleting: Promise<unknown>[] = [];
    for (const n of range(parents)) {
      // About when its first child is on its way.
      await committed(jobId, Math.max(0, Math.floor((n * 10) / 3) - 2));
      const deleted = sql`DELETE FROM articles WHERE id = ${id(n)}`;
      deleting.push(deleted.catch((error: unknown) => refused.push(sqlstateOf(error))));
    }
    const job = await ended(app, jobId);
    await Promise.all(deleting);
    if (job.successful > 0 && job.failed > 0) mixed++;
    t.match(job, { status: 'completed', total_records: 400, processed: 400 }, references);
    t.ok(job.errors.every(({ field }) => field === 'article_id' || (repeated > 0 && field === 'id')));
    t.ok(
      refused.every((state) => state === '23503'),
      `${refused}`,
    );
    const [found] = await sql`
      SELECT count(*) AS rows, count(*) FILTER (WHERE NOT EXISTS (SELECT FROM articles WHERE articles.id = article_id)) AS orphans FROM comments`;
    t.same(found, { rows: job.successful + repeated, orphans: 0 });
  }
  t.ok(mixed > 0, 'deletes came in the middle');
  await sql`DROP TRIGGER theirs ON comments`;
  await sql`DROP TRIGGER linger ON bulk.jobs`;
});

t.test('an import is cancelled at any stage: it keeps and counts what was committed, and names the rest', async (t) => {
  const records = 150;
  const stage = fc.record({ chunks: fc.nat(52), afterMs: fc.constantFrom(0, 0, 3), other: fc.boolean() });
  await fc.assert(
    fc.asyncProperty(stage, async ({ chunks, afterMs, other }) => {
      await forget();
      const jobId = await accepted(app, 'users', range(records).map(user));
      await committed(jobId, chunks);
      await pause(afterMs);
      // By the process that runs it, or by one that does not.
      const { statusCode } = await apps[other ? 1 : 0]!.inject({ method: 'POST', url: `/v1/imports/${jobId}/cancel` });
      if (statusCode !== 202 && statusCode !== 409) throw new Error(`${statusCode}`);
      const told = await statusOf(app, jobId);
      while (apps.some(({ queue }) => queue.running > 0)) await pause(2);
      const job = await statusOf(app, jobId);
      const loaded = new Set((await sql<{ id: string }[]>`SELECT id FROM users`).map((row) => row.id));
      const whole = statusCode === 202 ? 'cancelled' : 'completed';
      if (job.status !== whole || job.processed !== loaded.size || job.failed !== 0 || told.processed !== job.processed)
        throw new Error(JSON.stringify({ statusCode, rows: loaded.size, told, job }));
      const rest = range(records)
        .map(id)
        .filter((id) => !loaded.has(id));
      if (unprocessedIds(job, records).join() !== rest.join())
        throw new Error(`not loaded: ${rest.join(' ')}; ${JSON.stringify(job)}`);
    }),
    { numRuns: 8, examples: [[{ chunks: 0, afterMs: 0, other: false }], [{ chunks: 50, afterMs: 0, other: true }]] },
  );
  t.pass();
});

/** The ids on the lines that are named, in their order: a record is a line here. */
function unprocessedIds({ unprocessed = [] }: ImportStatus, records: number): string[] {
  return unprocessed.flatMap(({ from_line, to_line }) =>
    range((to_line ?? records) - from_line + 1).map((n) => id(from_line - 1 + n)),
  );
}

// What is open for all of the tests would keep the process, and thereby this, from ending by itself.
t.end();
