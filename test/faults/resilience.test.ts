// Whatever ends in the middle of an import: afterwards each record is a row or a row error, once, and the counters say so.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import t, { type Test } from 'tap';
import type { Static } from 'typebox';
import { openPool, type Sql } from '../../db/client.ts';
import type { Health } from '../../plugins/health.ts';
import type { ExportSchema } from '../../src/export/export-view.ts';
import { writeRecords } from '../../testdata/write-records.ts';
import type { ImportStatus } from '../client.ts';
import { createDatabase } from '../databases.ts';
import { environment } from '../environment.ts';
import { call, follow, type ServiceProcess, startService, upload } from '../service-process.ts';
import { temporaryFolder } from '../temporary-folder.ts';

type ExportStatus = Static<typeof ExportSchema>;

const records = 5_000;
const invalid = 0.25;

// Each of them waits for most of its time: for starts, and for what is missed when a process is gone.
t.jobs = 3;

/** A service on a database of its own, and a file that it loads in many small chunks. */
async function setUp(t: Test) {
  const folder = await temporaryFolder(t);
  const connection = await createDatabase(t);
  const sql = openPool(connection, { max: 2, name: 'test' });
  t.after(async () => await sql.end());
  const path = join(folder, 'users.csv');
  await writeRecords({ resource: 'users', records, invalid, path });
  const env = { ...environment(connection, join(folder, 'data')), LOG_LEVEL: 'info', IMPORT_BATCH_SIZE: '50' };
  const file = new Blob([await readFile(path)]);
  return { sql, file, start: (more: Record<string, string> = {}) => startService(t, { ...env, ...more }) };
}

async function countChunks(sql: Sql): Promise<number> {
  const [row] = await sql<{ count: number }[]>`SELECT count(*) AS count FROM bulk.chunks`;
  return row?.count ?? 0;
}

/** Waits until so many chunks have been committed. */
async function reached(sql: Sql, chunks: number): Promise<void> {
  while ((await countChunks(sql)) < chunks) await pause(10);
}

const twoConnections = { IMPORT_CONNECTIONS: '2' };

/** Does something while both connections of the job are in the middle of a chunk: behind a lock, until it is done. */
async function midChunk<T>(sql: Sql, jobId: string, work: () => Promise<T>): Promise<T> {
  const blocked = () => sql`SELECT FROM pg_stat_activity
    WHERE starts_with(application_name, ${`bulk ${jobId} `}) AND wait_event_type = 'Lock'`;
  const { done } = await sql.begin(async (tx) => {
    await tx`LOCK TABLE users IN SHARE MODE`;
    while ((await blocked()).length < 2) await pause(10);
    return { done: await work() };
  });
  return done as T;
}

async function isWhole(t: Test, sql: Sql, { url }: ServiceProcess, jobId: string): Promise<void> {
  const job = await follow<ImportStatus>(
    `${url}/v1/imports/${jobId}`,
    ({ status }) => !/pending|processing/.test(status),
  );
  const failed = records * invalid;
  t.match(job, { status: 'completed', total_records: records, processed: records, failed, error_count: failed });
  t.equal(job.successful, records - failed);
  const [found] = await sql`
    SELECT (SELECT count(*) FROM users) AS rows, (SELECT count(*) FROM bulk.row_errors) AS errors,
      (SELECT count(DISTINCT record) FROM bulk.row_errors) AS rejected,
      (SELECT sum(records) FROM bulk.chunks)::int AS records`;
  t.same(found, { rows: records - failed, errors: failed, rejected: failed, records });
  await noEntryIsLeft(sql);
}

/** The queue hears of a job's end a moment after everybody else. */
async function noEntryIsLeft(sql: Sql): Promise<void> {
  const live = () => sql`SELECT FROM pgboss.job WHERE name = 'import' AND state IN ('created', 'retry', 'active')`;
  while ((await live()).length > 0) await pause(20);
}

t.test('kill -9 in the middle, twice, and a restart', async (t) => {
  const { sql, file, start } = await setUp(t);
  let service = await start();
  const jobId = await upload(service.url, 'users', 'users.csv', file);
  for (const chunks of [15, 50]) {
    await reached(sql, chunks);
    await service.stop('SIGKILL');
    service = await start();
  }
  await isWhole(t, sql, service, jobId);
  const { attempts } = (await sql`SELECT attempt AS attempts FROM bulk.jobs`)[0] as { attempts: number };
  t.ok(attempts >= 2, `${attempts} attempts`);
});

t.test('kill -9 in the middle of an export, and a restart', async (t) => {
  const { sql, start } = await setUp(t);
  const first = await start();
  await sql`INSERT INTO users SELECT gen_random_uuid(), n || '@example.com', 'n', 'viewer', true, now(), now()
    FROM generate_series(1, 1000) n`;
  const asked = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"resource":"users"}' };
  const url = await sql.begin(async (tx) => {
    await tx`LOCK TABLE users IN ACCESS EXCLUSIVE MODE`;
    const { job_id } = await call<{ job_id: string }>(`${first.url}/v1/exports`, asked);
    const url = `/v1/exports/${job_id}`;
    await follow<ExportStatus>(first.url + url, ({ status }) => status === 'processing');
    await first.stop('SIGKILL');
    return url;
  });
  const second = await start();
  const job = await follow<ExportStatus>(second.url + url, ({ status }) => !/pending|processing/.test(status));
  t.match(job, { status: 'completed', total_records: 1_000 });
  const text = await (await fetch(second.url + job.download_url)).text();
  t.equal(text.split('\n').length - 1, 1_000);
  t.match(await sql`SELECT attempt FROM bulk.jobs`, [{ attempt: 2 }]);
});

t.test('a stop in the middle lets chunks in flight commit; the next start goes on', async (t) => {
  const { sql, file, start } = await setUp(t);
  const first = await start(twoConnections);
  const jobId = await upload(first.url, 'users', 'users.csv', file);
  await reached(sql, 20);
  const { stopped, before } = await midChunk(sql, jobId, async () => {
    const stopped = first.stop('SIGTERM');
    while (!first.log.some(({ msg }) => msg === 'Stopping')) await pause(10);
    await pause(500);
    return { stopped: () => stopped, before: await countChunks(sql) };
  });
  t.equal(await stopped(), 0);
  t.ok((await countChunks(sql)) >= before + 2, 'chunks in flight are committed');
  const job = (await sql`SELECT status, successful + failed AS processed FROM bulk.jobs`)[0] as Record<string, unknown>;
  const [chunks] = await sql`SELECT sum(records)::int AS records FROM bulk.chunks`;
  t.match(job, { status: 'processing', processed: chunks?.records });
  t.ok(Number(job.processed) < records, 'it was in the middle');
  await isWhole(t, sql, await start(), jobId);
});

t.test('database connections ended again and again', async (t) => {
  const { sql, file, start } = await setUp(t);
  const service = await start();
  const jobId = await upload(service.url, 'users', 'users.csv', file);
  for (const chunks of [10, 25, 40, 60]) {
    await reached(sql, chunks);
    await sql`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE datname = current_database() AND application_name LIKE 'bulk%'`;
  }
  await isWhole(t, sql, service, jobId);
  t.ok(service.log.some(({ msg }) => msg === 'Chunk will be tried again'));
  t.match(await call(`${service.url}/health`), { status: 'healthy' });
});

t.test('two processes on one database: one dies, the other continues', async (t) => {
  const { sql, file, start } = await setUp(t);
  const services = [await start(), await start()];
  const [first, second] = services as [ServiceProcess, ServiceProcess];
  const jobId = await upload(first.url, 'users', 'users.csv', file);
  await reached(sql, 20);
  const runner = services.find(({ log }) => log.some(({ msg }) => msg === 'Import started')) ?? first;
  const other = runner === first ? second : first;
  await runner.stop('SIGKILL');
  await isWhole(t, sql, other, jobId);
});

t.test('a frozen process that wakes up changes nothing', async (t) => {
  const { sql, file, start } = await setUp(t);
  const frozen = await start(twoConnections);
  const jobId = await upload(frozen.url, 'users', 'users.csv', file);
  await reached(sql, 20);
  // PostgreSQL waits for its rows from then on, for ever: somebody has to end that.
  await midChunk(sql, jobId, async () => frozen.child.kill('SIGSTOP'));
  const other = await start({ DB_RETRY_FOR: '10s' });
  await isWhole(t, sql, other, jobId);
  frozen.child.kill('SIGCONT');
  // By then it has done all that it would have.
  await follow<Health>(`${frozen.url}/health`, ({ checks }) => checks.queue.running_jobs === 0);
  await isWhole(t, sql, frozen, jobId);
});
