// Whatever ends in the middle of an import: afterwards each record is a row or a row error, once, and the counters say so.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { openPool, type Sql } from '../db/client.ts';
import { writeRecords } from '../testdata/write-records.ts';
import { environment, temporaryFolder } from './build.ts';
import type { ImportStatus } from './client.ts';
import { createDatabase } from './databases.ts';
import { call, follow, type ServiceProcess, startService, upload } from './service-process.ts';

const records = 10_000;
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
  const env = { ...environment(connection, join(folder, 'data')), LOG_LEVEL: 'info', IMPORT_BATCH_SIZE: '100' };
  const file = new Blob([await readFile(path)]);
  return { sql, file, start: (more: Record<string, string> = {}) => startService(t, { ...env, ...more }) };
}

/** How many chunks have been committed. */
async function reached(sql: Sql, chunks: number): Promise<void> {
  for (;;) {
    const [row] = await sql<{ count: number }[]>`SELECT count(*) AS count FROM bulk.chunks`;
    if ((row?.count ?? 0) >= chunks) return;
    await pause(2);
  }
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

t.test('a stop in the middle lets chunks in flight commit; the next start goes on', async (t) => {
  const { sql, file, start } = await setUp(t);
  const first = await start();
  const jobId = await upload(first.url, 'users', 'users.csv', file);
  await reached(sql, 20);
  t.equal(await first.stop('SIGTERM'), 0);
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
  const frozen = await start();
  const jobId = await upload(frozen.url, 'users', 'users.csv', file);
  await reached(sql, 20);
  frozen.child.kill('SIGSTOP');
  const other = await start();
  await isWhole(t, sql, other, jobId);
  frozen.child.kill('SIGCONT');
  await follow(`${frozen.url}/health`, () => true);
  await isWhole(t, sql, frozen, jobId);
});
