// What operators and their machines look at: health, metrics, the log; and the sample records of a first start.
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { PassThrough } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import fc from 'fast-check';
import type { FastifyInstance } from 'fastify';
import { pino } from 'pino';
import t, { type Test } from 'tap';
import { type Connection, openPool } from '../../db/client.ts';
import { countRows } from '../../db/count-rows.ts';
import { MonitorConnection, NoAnswer } from '../../db/monitor-connection.ts';
import packageJson from '../../package.json' with { type: 'json' };
import { buildApp } from '../../src/app.ts';
import { loadConfig } from '../../src/config.ts';
import { preferredType } from '../../src/http/preferred-type.ts';
import { loggerOptions } from '../../src/logger.ts';
import { toOpenMetrics } from '../../src/metrics/open-metrics.ts';
import { resources } from '../../src/resources/index.ts';
import { build } from '../build.ts';
import { importFile } from '../client.ts';
import { createDatabase } from '../databases.ts';
import { startProxy } from '../db/cuttable-proxy.ts';
import { environment } from '../environment.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { startFreezableProxy } from './freezable-proxy.ts';

type Env = Record<string, string>;

const page = new URL('../../docs/watching.md', import.meta.url);

async function buildOn(test: Pick<Test, 'after'>, connection: Connection, env: Env = {}): Promise<FastifyInstance> {
  const app = await buildApp(loadConfig({ ...environment(connection, await temporaryFolder(test)), ...env }));
  test.after(async () => await app.close());
  return app;
}

const user = (n: number, more = '') =>
  `00000000-0000-4000-8000-${String(n).padStart(12, '0')},u${n}@example.com,User ${n},admin,true,2024-01-01T00:00:00Z,${more}\n`;
const header = 'id,email,name,role,active,created_at,updated_at\n';

const prometheus = async (app: FastifyInstance, accept = 'text/plain') =>
  (await app.inject({ url: '/metrics', headers: { accept } })).body;

/** The value of a series by its name and labels, as written. */
function seriesOf(text: string, series: string): number | undefined {
  const line = text.split('\n').find((line) => line.startsWith(`${series} `));
  return line === undefined ? undefined : Number(line.slice(series.length + 1));
}

// Each has a service of its own, and waits for it most of the time.
t.jobs = 3;

t.test('a service that works', async (t) => {
  // The database is not the embedded one: auto seeds nothing.
  const shared = await build(t, { SEED: 'auto' });

  await t.test('a healthy service says so, and what it consists of', async (t) => {
    const health = await shared.inject('/health');
    t.equal(health.statusCode, 200);
    t.equal(health.headers['cache-control'], 'no-store');
    t.match(health.json(), {
      status: 'healthy',
      timestamp: /^\d{4}-\d\d-\d\dT[\d:.]+Z$/,
      service: 'bulk-import-export-api',
      version: packageJson.version,
      checks: {
        database: { status: 'up', latency_ms: Number },
        storage: { status: 'up', free_bytes: Number },
        queue: { status: 'up', running_jobs: 0 },
        workers: { status: 'up', threads: shared.config.import.workers, waiting_chunks: 0 },
      },
    });
    t.match((await shared.inject('/health/live')).json(), { status: 'alive', service: 'bulk-import-export-api' });
  });

  await t.test('GET /metrics counts the rows of every resource', async (t) => {
    const answer = await shared.inject('/metrics');
    t.match(answer.headers['content-type'], 'application/json');
    const none = Object.fromEntries([...resources.keys()].map((name) => [name, 0]));
    t.same(answer.json().database, none);
    t.match(answer.json().timestamp, /Z$/);
    t.notOk('estimated' in answer.json());
    const content = header + user(1) + user(2) + user(1);
    t.match(await importFile(shared, { resource: 'users', name: 'u.csv', content }), { successful: 2, failed: 1 });
    t.same((await shared.inject('/metrics')).json().database, { ...none, users: 2 });
  });

  await t.test('the Accept header decides between JSON and text', async (t) => {
    const json = 'application/json; charset=utf-8';
    const text = 'text/plain; version=0.0.4; charset=utf-8';
    const open = 'application/openmetrics-text; version=1.0.0; charset=utf-8';
    const cases: [accept: string | undefined, type: string][] = [
      [undefined, json],
      ['*/*', json],
      ['text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8', json],
      ['text/html', json],
      ['application/json', json],
      ['text/plain', text],
      ['text/plain;version=0.0.4;q=1,*/*;q=0.1', text],
      ['text/plain;q=0.1, application/json;q=0.2', json],
      // Prometheus 2 and 3.
      [
        'application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2',
        open,
      ],
      [
        'application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,text/plain;version=1.0.0;q=0.4,*/*;q=0.2',
        open,
      ],
      ['application/openmetrics-text; q=0, text/plain', text],
      ['TEXT/Plain', text],
    ];
    for (const [accept, type] of cases) {
      const answer = await shared.inject({ url: '/metrics', headers: accept === undefined ? {} : { accept } });
      t.equal(answer.headers['content-type'], type, accept ?? 'no header');
      t.match(answer.headers, { vary: /accept/i, 'cache-control': 'no-store' });
    }
  });

  await t.test('Prometheus finds jobs, records, queue, pools, requests and the process', async (t) => {
    // That of the test before last.
    const [job] = (await shared.inject('/v1/imports?limit=1')).json().imports;
    for (const url of ['/v1/imports', `/v1/imports/${job.job_id}`, '/v1/imports/unknown', '/nowhere', '/no/where']) {
      await shared.inject(url);
    }
    const text = await prometheus(shared);

    t.equal(seriesOf(text, 'bulk_jobs_ended_total{type="import",resource="users",state="completed"}'), 1);
    t.equal(seriesOf(text, 'bulk_job_duration_seconds_count{type="import",state="completed"}'), 1);
    t.equal(seriesOf(text, 'bulk_records_total{resource="users",outcome="loaded"}'), 2);
    t.equal(seriesOf(text, 'bulk_records_total{resource="users",outcome="rejected"}'), 1);
    t.equal(seriesOf(text, 'bulk_chunk_stage_seconds_count{stage="parse"}'), 1);
    t.equal(seriesOf(text, 'bulk_chunk_stage_seconds_count{stage="load"}'), 1);
    t.equal(seriesOf(text, 'bulk_parsed_chunks_total'), 1);
    t.equal(seriesOf(text, 'bulk_parse_threads'), shared.config.import.workers);
    t.equal(seriesOf(text, 'bulk_parse_queue_chunks'), 0);
    t.equal(seriesOf(text, 'bulk_jobs{type="import",state="pending"}'), 0);
    t.equal(seriesOf(text, 'bulk_queue_entries{type="export",state="created"}'), 0);
    t.equal(seriesOf(text, 'bulk_database_up'), 1);
    t.match(text, /^bulk_database_sessions\{pool="api",state="idle"\} [1-9]/m);
    t.match(text, /^bulk_database_sessions\{pool="queue",state="\w+"\} [1-9]/m);
    t.match(text, /^nodejs_eventloop_lag_p99_seconds \d/m);
    t.match(text, /^process_resident_memory_bytes \d/m);

    const requests = (labels: string) => seriesOf(text, `http_request_duration_seconds_count{${labels}}`);
    t.equal(requests('method="GET",route="/v1/imports",status="2xx"'), 2);
    t.ok((requests('method="GET",route="/v1/imports/:job_id",status="2xx"') ?? 0) >= 1);
    t.equal(requests('method="GET",route="/v1/imports/:job_id",status="4xx"'), 1);
    t.equal(requests('method="GET",route="none",status="4xx"'), 2, 'URLs that lead nowhere are one series');
    t.equal(requests('method="POST",route="/v1/imports",status="2xx"'), 1);

    const named = (written: string, pattern: RegExp) =>
      [...new Set([...written.matchAll(pattern)].map(([, name]) => name))].toSorted();
    const [, table = ''] = /\n\| metric \| labels.*\n([\s\S]*?)\n\n/.exec(await readFile(page, 'utf8')) ?? [];
    t.same(
      named(table, /`((?:bulk|http)_\w+)`/g),
      named(text, /^# TYPE ((?:bulk|http)_\w+)/gm),
      'docs/watching.md has them all',
    );
    t.ok((seriesOf(text, 'bulk_file_bytes_written_total{folder="uploads"}') ?? 0) > 200);
    t.ok((seriesOf(text, 'bulk_stored_bytes{folder="uploads"}') ?? 0) > 200);
    t.equal(seriesOf(text, 'bulk_storage_up{folder="exports"}'), 1);
    t.equal(seriesOf(text, 'bulk_job_oldest_pending_seconds{type="import"}'), 0);
    t.equal(seriesOf(text, 'bulk_chunk_stage_seconds_count{stage="split"}'), 1, 'the last chunk of a file too');

    t.notMatch(text, /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}/, 'no id is a label');
    for (const line of text.split('\n')) {
      if (line === '' || line.startsWith('# ')) continue;
      t.match(line, /^[a-z_:][\w:]*(\{\w+="[^"]*"(,\w+="[^"]*")*\})? (-?[\d.e+-]+|NaN|Nan|\+Inf)$/i);
    }
  });

  await t.test(
    'OpenMetrics names counters without _total in their families, and the text after it is as before',
    async (t) => {
      const names = (text: string) =>
        [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => `${name} ${type}`);
      const before = names(await prometheus(shared));
      const open = await prometheus(shared, 'application/openmetrics-text');
      t.ok(open.endsWith('\n# EOF\n'));
      t.notMatch(open, /\n\n/);
      t.match(open, /^# TYPE process_cpu_seconds counter\nprocess_cpu_seconds_total \d/m);
      t.same(
        names(open),
        before.map((name) => name.replace(/_total counter$/, ' counter')),
      );
      t.same(names(await prometheus(shared)), before);
      t.equal(
        toOpenMetrics(
          '# HELP a_total x_total y\n# TYPE a_total counter\na_total 1\n\n# TYPE b_total gauge\nb_total 2\n',
        ),
        '# HELP a x_total y\n# TYPE a counter\na_total 1\n# TYPE b_total gauge\nb_total 2\n# EOF\n',
      );
    },
  );
});

t.test('health and metrics under API keys', async (t) => {
  const secret = '0123456789abcdef';
  const app = await build(t, { API_KEYS: `watch:read:${secret}` });
  t.equal((await app.inject('/health')).statusCode, 200, 'health needs no key');
  t.equal((await app.inject('/health/live')).statusCode, 200);
  t.equal((await app.inject('/metrics')).statusCode, 401, 'figures are for those who may read');
  t.equal((await app.inject({ url: '/metrics', headers: { 'x-api-key': secret } })).statusCode, 200);
});

t.test('a busy pool is not a database that is gone', async (t) => {
  const connection = await createDatabase(t);
  const app = await buildOn(t, connection);
  const blocker = openPool(connection, { max: 1, name: 'test' });
  t.after(async () => await blocker.end());
  const held = Promise.withResolvers<void>();
  const holding = blocker.begin(async (tx) => {
    await tx`LOCK TABLE users`;
    // Many times as many as the API's pool has connections.
    const waiting = Array.from({ length: 50 }, async () => await app.sql`SELECT count(*) FROM users`);
    t.match((await app.inject('/health')).json(), { status: 'healthy', checks: { database: { status: 'up' } } });
    t.match(await prometheus(app), 'bulk_database_up 1');
    held.resolve();
    return waiting;
  });
  await held.promise;
  await Promise.all(await holding);
});

t.test('a database that is gone is told within seconds, and its return too', async (t) => {
  const proxy = await startProxy(t, await createDatabase(t));
  const app = await buildOn(t, proxy.connection);
  t.equal((await app.inject('/health')).statusCode, 200);
  proxy.cut();
  // The first statement may find the connection broken; the one after has a new one.
  for (let status = 0; status !== 200; ) status = (await app.inject('/health')).statusCode;
  proxy.refuse();
  proxy.cut();
  const health = await app.inject('/health');
  t.equal(health.statusCode, 503);
  t.match(health.json(), { status: 'unhealthy', checks: { database: { status: 'down' }, workers: { status: 'up' } } });
  t.equal((await app.inject('/health/live')).statusCode, 200, 'the process lives');
  const refused = await app.inject('/metrics');
  t.match(refused.json(), { status: 503, code: 'database_unavailable' });
  t.equal(refused.headers['retry-after'], '5');
  const text = await prometheus(app);
  t.match(text, 'bulk_database_up 0');
  t.match(text, 'process_resident_memory_bytes', 'what does not need the database is there');
  t.notMatch(text, /^bulk_jobs\{/m, 'and what does is left out rather than wrong');
});

t.test('a database that hangs is given up after two seconds; who asks meanwhile gets the same answer', async (t) => {
  const proxy = await startFreezableProxy(t, await createDatabase(t));
  const app = await buildOn(t, proxy.connection);
  proxy.freeze();
  const answers = await Promise.all(['/health', '/health', '/health'].map(async (url) => await app.inject(url)));
  t.same(
    answers.map(({ statusCode }) => statusCode),
    [503, 503, 503],
  );
  t.match(await prometheus(app), 'bulk_database_up 0');
  proxy.thaw();
  for (let status = 0; status !== 200; ) status = (await app.inject('/health')).statusCode;
  t.equal((await app.inject('/health')).statusCode, 200);
});

t.test('a database that takes no writes is not healthy: a standby after a failover, say', async (t) => {
  const connection = await createDatabase(t);
  const sql = openPool(connection, { max: 1, name: 'test' });
  t.after(async () => await sql.end());
  const app = await buildOn(t, connection);
  const { database } = connection;
  await sql`ALTER DATABASE ${sql(database)} SET default_transaction_read_only = on`;
  // Those that are there keep what they began with; a standby has none.
  await sql`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = ${database} AND pid <> pg_backend_pid()`;
  // The first statement may find the connection broken.
  await app.inject('/health');
  t.match(await app.inject('/health'), { statusCode: 503 });
  t.match((await app.inject('/health')).json().checks, { database: { status: 'down' }, storage: { status: 'up' } });
  t.equal((await app.inject('/v1/imports')).statusCode, 200, 'what only reads is served');
  const refused = await app.inject({ method: 'POST', url: '/v1/exports', payload: { resource: 'users' } });
  t.match(refused.json(), { status: 503, code: 'database_unavailable' });
  await sql`ALTER DATABASE ${sql(database)} RESET default_transaction_read_only`;
  await sql`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = ${database} AND pid <> pg_backend_pid()`;
  for (let status = 0; status !== 200; ) status = (await app.inject('/health')).statusCode;
});

t.test("somebody locks the queue's tables: who needs none of them is served", async (t) => {
  const connection = await createDatabase(t);
  const stranger = openPool(connection, { max: 1, name: 'test', idleTransactionTimeoutMs: 0 });
  t.after(async () => await stranger.end());
  // Two connections for the API.
  const app = await buildOn(t, connection, { DB_MAX_OPEN_CONNS: '10', IMPORT_CONNECTIONS: '2' });
  await stranger.begin(async (tx) => {
    await tx`LOCK TABLE pgboss.job`;
    // The sweep for unqueued jobs comes every two seconds.
    await pause(6_500);
    const waiting = await tx`SELECT FROM pg_stat_activity
      WHERE datname = ${connection.database} AND application_name = 'bulk api' AND wait_event_type = 'Lock'`;
    t.equal(waiting.length, 1, 'one sweep waits');
    t.equal((await app.inject('/v1/imports')).statusCode, 200);
  });
});

t.test('statements on the monitor connection fail for themselves', async (t) => {
  const monitor = new MonitorConnection(await createDatabase(t));
  t.after(async () => await monitor.close());
  await t.rejects(
    monitor.run(async (sql) => await sql`SELECT 1 / 0`, 10_000),
    { code: '22012' },
  );
  await t.rejects(
    monitor.run(async (sql) => await sql`SELECT pg_sleep(60)`, 50),
    NoAnswer,
  );
  t.same(await monitor.run(async (sql) => await sql`SELECT 1 AS n`, 10_000), [{ n: 1 }], 'the next one does not wait');
});

t.test('rows are counted up to the limit; above it PostgreSQL’s estimate is told as one', async (t) => {
  const connection = await createDatabase(t);
  const sql = openPool(connection, { max: 1, name: 'test' });
  t.after(async () => await sql.end());
  const insert = async (from: number, to: number) =>
    await sql`INSERT INTO users SELECT gen_random_uuid(), n || '@example.com', 'n', 'admin', true, now(), now()
      FROM generate_series(${from}::int, ${to}::int) n`;
  t.same(await countRows(sql, 'users', 1000), { rows: 0, estimated: false });
  await insert(1, 1000);
  t.same(await countRows(sql, 'users', 1000), { rows: 1000, estimated: false });
  await insert(1001, 1001);
  t.match(await countRows(sql, 'users', 1000), { rows: Number, estimated: true });
  await insert(1002, 6000);
  await sql`ANALYZE users`;
  t.same(await countRows(sql, 'users', 1000), { rows: 6000, estimated: true });
  t.same(await countRows(sql, 'users', 5999), { rows: 6000, estimated: true });
  t.same(await countRows(sql, 'users', 6000), { rows: 6000, estimated: false });

  // Far above the limit nothing is read at all.
  const scans = async () => {
    await sql`SELECT pg_stat_force_next_flush()`;
    const [row] = await sql<[{ scans: number }]>`
      SELECT seq_scan + idx_scan AS scans FROM pg_stat_user_tables WHERE relname = 'users'`;
    return row.scans;
  };
  const before = await scans();
  await countRows(sql, 'users', 1000);
  t.equal(await scans(), before);
});

t.test('whatever a client sends as Accept, it gets one of the types offered', async () => {
  const offered = ['a/b', 'c/d'] as const;
  fc.assert(fc.property(fc.string(), (accept) => offered.includes(preferredType(accept, offered))));
  const range = fc.constantFrom('a/b', 'c/d', 'c/*', '*/*', 'x/y');
  const accept = fc.array(fc.tuple(range, fc.constantFrom('', ';q=0', ';q=0.5', ';q=1')));
  fc.assert(
    fc.property(accept, (ranges) => {
      const refused = ranges.some(([range, q]) => range === 'c/d' && q === ';q=0');
      const wanted = ranges.some(([range, q]) => range === 'c/d' && q !== ';q=0');
      const type = preferredType(ranges.map(([range, q]) => range + q).join(','), offered);
      return !(refused && !wanted && type === 'c/d');
    }),
  );
});

t.test('the log shows no secret of a request', async (t) => {
  const lines = new PassThrough();
  const log = pino(await loggerOptions(loadConfig({})), lines);
  const headers = { authorization: 'Bearer hunter2', 'x-api-key': 'hunter2', cookie: 'session=hunter2', accept: '*/*' };
  log.info({ headers, req: { headers }, err: Object.assign(new Error('no'), { headers }) }, 'request');
  const [line] = (await once(lines, 'data')) as [Buffer];
  t.notMatch(line.toString(), 'hunter2');
  t.match(JSON.parse(line.toString()), {
    level: 30,
    time: /^\d{4}-.*Z$/,
    headers: { accept: '*/*' },
    req: { headers: { accept: '*/*' } },
  });
});

/** Waits for the rows of the sample files, all of them. */
async function seeded(app: FastifyInstance, expected: Record<string, number>): Promise<void> {
  for (;;) {
    const { database } = (await app.inject('/metrics')).json();
    if (Object.entries(expected).every(([name, rows]) => database[name] === rows)) return;
    const failed = (await jobsOf(app)).find(({ status }) => status === 'failed');
    if (failed) throw new Error(JSON.stringify(failed));
    await pause(20);
  }
}

const jobsOf = async (app: FastifyInstance) =>
  (await app.inject('/v1/imports')).json().imports as { resource: string; status: string }[];
const whole = { users: 10, articles: 5, comments: 5 };

t.test('SEED=on fills a new database once, however many start, and however often', async (t) => {
  const connection = await createDatabase(t);
  const sql = openPool(connection, { max: 1, name: 'test' });
  t.after(async () => await sql.end());
  const countJobs = async () => (await sql`SELECT FROM bulk.jobs`).length;
  // Processes that share a database share the folder of uploads too.
  const env = { SEED: 'on', UPLOAD_DIR: await temporaryFolder(t) };

  const [first, second] = await Promise.all([buildOn(t, connection, env), buildOn(t, connection, env)]);
  await seeded(first!, whole);
  t.same((await jobsOf(first!)).map(({ resource }) => resource).toSorted(), ['articles', 'comments', 'users']);
  t.match(await prometheus(first!), 'route="/v1/imports"');
  t.notMatch(await prometheus(second!), 'route="/v1/imports"', 'each app has figures of its own');
  await Promise.all([first!.close(), second!.close()]);

  // As if the process had died once the users were posted.
  await sql`TRUNCATE articles CASCADE`;
  await sql`DELETE FROM bulk.jobs WHERE resource <> 'users'`;
  const third = await buildOn(t, connection, env);
  await seeded(third, whole);
  t.equal(await countJobs(), 3, 'a seed that was interrupted is completed');
  await third.close();

  await sql`TRUNCATE users CASCADE`;
  await (await buildOn(t, connection, env)).close();
  t.equal(await countJobs(), 3, 'what was seeded and has been deleted does not come back');

  await sql`UPDATE bulk.jobs SET options = options || '{"fileName": "ours.csv"}' WHERE resource = 'users'`;
  await sql`DELETE FROM bulk.jobs WHERE resource <> 'users'`;
  await (await buildOn(t, connection, env)).close();
  t.equal(await countJobs(), 1, 'a database that somebody has imported into is left alone');
});
