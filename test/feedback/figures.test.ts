// What a page needs to know before and around jobs: the resources, the overview, how many records an export would have.
import { setTimeout as pause } from 'node:timers/promises';
import t from 'tap';
import { Throughput } from '../../src/metrics/throughput.ts';
import { build } from '../build.ts';
import { ended, post } from '../client.ts';
import { inThisDatabase } from '../databases.ts';
import { id } from '../numbered.ts';

const user = (n: number, role = 'viewer') =>
  `${JSON.stringify({ id: id(n), email: `u${n}@example.com`, name: 'U', role, created_at: '2024-01-01T00:00:00Z' })}\n`;

t.test('resources, overview and estimate', async (t) => {
  const app = await build(t, {
    API_KEYS: 'ann@acme:read+write:ann-0123456789abcdef,office:read+write:office-0123456789abcd',
  });
  const ann = { 'x-api-key': 'ann-0123456789abcdef' };
  const office = { 'x-api-key': 'office-0123456789abcd' };
  const get = async (url: string, headers = office) => await app.inject({ url, headers });

  await t.test('the resources are told with their fields and rules, and the formats with their endings', async (t) => {
    const { resources, formats } = (await get('/v1/resources')).json();
    t.same(
      resources.map(({ name }: { name: string }) => name),
      ['users', 'articles', 'comments'],
    );
    t.match(resources[0].fields[1], { name: 'email', type: 'email', required: true, key: true, max_length: 255 });
    t.match(resources[0].fields[3], { name: 'role', values: ['admin', 'editor', 'viewer'] });
    t.match(resources[0].fields[4], { name: 'active', required: false, key: false });
    t.match(resources[1].fields[4], { name: 'author_id', type: 'uuid', references: 'users' });
    t.match(resources[2].fields[3], { name: 'body', max_words: 500 });
    t.same(formats[1], {
      name: 'ndjson',
      extensions: ['.ndjson', '.jsonl', '.ndjson.gz', '.jsonl.gz'],
      media_type: 'application/x-ndjson',
    });
  });

  await t.test('the overview counts rows, unfinished jobs and committed records, those of the caller', async (t) => {
    const content = [user(1, 'admin'), user(2), user(3), 'no record\n'].join('');
    const file = { resource: 'users', name: 'u.ndjson', content };
    await post(app, { ...file, headers: office });
    const sum = async (headers: Record<string, string>) => {
      const { throughput } = (await get('/v1/overview', headers as typeof office)).json();
      t.equal(throughput.length, 60);
      return throughput.reduce((total: number, { records }: { records: number }) => total + records, 0);
    };
    while ((await sum(office)) < 4) await pause(20);
    t.equal(await sum(office), 4, 'rejected records are work too');
    t.equal(await sum(ann), 0, "another owner's records are nobody's business");

    const holding = await app.sql.reserve();
    await holding`BEGIN`;
    await holding`LOCK TABLE users IN EXCLUSIVE MODE`;
    const anns = (await post(app, { ...file, content: user(4), headers: ann })).json().job_id;
    await post(app, { resource: 'articles', name: 'a.ndjson', content: '{}', headers: office });
    const jobs = async (headers: typeof office) => {
      const { import: imports, export: exports } = (await get('/v1/overview', headers)).json().jobs;
      return [imports.pending + imports.processing, exports.pending + exports.processing];
    };
    t.same(await jobs(office), [2, 0]);
    t.same(await jobs(ann), [1, 0]);
    await holding`COMMIT`;
    holding.release();
    await ended(app, anns, 'imports', ann);
  });

  await t.test('a table that somebody has locked is estimated; nobody waits for it', async (t) => {
    await app.sql`ANALYZE users`;
    const locking = await app.sql.reserve();
    await locking.unsafe('BEGIN; LOCK TABLE users IN ACCESS EXCLUSIVE MODE');
    // Far more than the API has connections: they share one.
    const urls = Array.from({ length: 20 }, (_, n) => (n % 2 === 0 ? '/v1/overview' : '/metrics'));
    const asked = Promise.all(urls.map(async (url) => (await get(url)).json()));
    t.match((await get('/v1/imports?limit=1')).json(), { imports: [{}] }, 'whoever needs no lock is served meanwhile');
    let answered = false;
    void asked.finally(() => (answered = true));
    let mostWaiting = 0;
    // Those who count: the import of the test before may still want a lock of another kind.
    while (!answered) {
      const waiting = await locking`SELECT FROM pg_locks
        WHERE ${inThisDatabase(locking)} AND NOT granted AND relation = 'users'::regclass
          AND mode = 'AccessShareLock'`;
      mostWaiting = Math.max(mostWaiting, waiting.length);
    }
    t.equal(mostWaiting, 1, 'for all of them, one connection waits');
    for (const { resources, database, estimated } of await asked) {
      if (resources) {
        t.match(resources, { users: { rows: 4, estimated: true }, articles: { rows: 0, estimated: false } });
      } else {
        t.match(database, { users: 4, articles: 0 });
        t.same(estimated, ['users']);
      }
    }
    await locking.unsafe('ROLLBACK');
    locking.release();
    t.match((await get('/v1/overview')).json().resources, { users: { rows: 4, estimated: false } });
  });

  await t.test('an estimate is exact where counting is cheap', async (t) => {
    const estimate = async (query: string) => (await get(`/v1/exports/estimate?${query}`)).json();
    t.same(await estimate('resource=users'), { resource: 'users', rows: 4, estimated: false });
    t.match(await estimate('resource=users&role=admin'), { rows: 1 });
    t.match(await estimate('resource=users&role[in]=viewer&limit=1&format=csv&sort=-id&fields=id'), { rows: 1 });
    t.match(await estimate('resource=people'), { status: 400, code: 'unknown_resource' });
    t.match(await estimate('resource=users&role=king'), { status: 400, code: 'invalid_filter' });
    t.match(await estimate(''), { status: 400, code: 'resource_required' });

    const locking = await app.sql.reserve();
    await locking.unsafe('BEGIN; LOCK TABLE users IN ACCESS EXCLUSIVE MODE');
    // More than the API has connections, each given back.
    const held = await Promise.all(Array.from({ length: 6 }, async () => await estimate('resource=users')));
    for (const answer of held) t.match(answer, { status: 503, code: 'database_unavailable' });
    await locking.unsafe('ROLLBACK');
    locking.release();

    // A table that says it is huge: nobody counts it.
    await app.sql`UPDATE pg_class SET reltuples = 1e9, relpages = greatest(relpages, 1) WHERE relname = 'users'`;
    const { rows, estimated } = await estimate('resource=users');
    t.equal(estimated, true);
    t.ok(rows > 1e6, 'the estimate of the planner');
  });
});

t.test('throughput is summed by ten seconds, and forgotten after ten minutes', async (t) => {
  const throughput = new Throughput();
  const start = 1_700_000_000_000;
  throughput.add(5, start);
  throughput.add(7, start + 9_999);
  throughput.add(11, start + 10_000);
  const sums = (now: number) =>
    throughput
      .list(now)
      .filter(({ records }) => records > 0)
      .map(({ at, records }) => [at - start, records]);
  t.same(sums(start + 10_000), [
    [0, 12],
    [10_000, 11],
  ]);
  t.same(sums(start + 600_000), [[10_000, 11]]);
  throughput.add(1, start + 600_000);
  t.same(sums(start + 600_000), [
    [10_000, 11],
    [600_000, 1],
  ]);
  t.same(sums(start + 6_000_000), []);
});
