// What a fault at an unlucky moment must not leave behind: keys and connections that stay held, work that nobody ends, an
// answer that is wrong.
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import type { FastifyInstance } from 'fastify';
import t from 'tap';
import { openPool } from '../../db/client.ts';
import { NoThread } from '../../src/run-in-threads.ts';
import { build, shareApps } from '../build.ts';
import { ended, importFile, listen, post } from '../client.ts';
import { holdJobs } from '../hold-jobs.ts';
import { user } from '../numbered.ts';

const fresh = await shareApps(t);
const users = (count: number) => Array.from({ length: count }, (_, n) => user(n));
const key = 'a-key-of-the-owner';

/** A session that holds a table until the work is done. */
async function whileLocked<T>({ connection }: FastifyInstance, table: string, work: () => Promise<T>): Promise<T> {
  const sql = openPool(connection, { max: 1, name: 'test', idleTransactionTimeoutMs: 0 });
  try {
    const { done } = await sql.begin(async (tx) => {
      await tx.unsafe(`LOCK TABLE ${table} IN ACCESS EXCLUSIVE MODE`);
      return { done: await work() };
    });
    return done as T;
  } finally {
    await sql.end();
  }
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await pause(10);
}

/** Sessions that wait for a lock. */
async function waiting({ sql }: FastifyInstance, application: string): Promise<{ pid: number }[]> {
  return await sql<{ pid: number }[]>`SELECT pid FROM pg_stat_activity
    WHERE datname = current_database() AND starts_with(application_name, ${application}) AND wait_event_type = 'Lock'`;
}

t.test('a client that leaves while its Idempotency-Key is claimed leaves the key free', async (t) => {
  const app = await fresh();
  const { port, hostname } = await listen(app);
  await whileLocked(app, 'bulk.idempotency_keys', async () => {
    const socket = connect(Number(port), hostname);
    socket.write('POST /v1/imports?resource=users HTTP/1.1\r\nHost: localhost\r\nIdempotency-Key: mine\r\n');
    socket.write('Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 9999\r\n\r\n--b\r\n');
    await until(async () => (await waiting(app, 'bulk api')).length > 0);
    socket.destroy();
    await pause(50);
  });
  const file = { resource: 'users', name: 'u.ndjson', content: user(1), headers: { 'idempotency-key': 'mine' } };
  await until(async () => (await post(app, file)).statusCode !== 409);
  t.match(await app.sql`SELECT status FROM bulk.jobs`, [{}], 'one job');
});

t.test('a file that cannot be removed does not keep the key either', async (t) => {
  const app = await build(t);
  const { uploads } = app.storage;
  const file = { resource: 'users', name: 'u.ndjson', content: user(1), headers: { 'idempotency-key': 'mine' } };
  const { remove } = uploads;
  uploads.remove = async () => await Promise.reject(new Error('EIO'));
  t.equal((await post(app, { ...file, fields: { format: 'xml' } })).statusCode, 500);
  uploads.remove = remove;
  t.equal((await post(app, file)).statusCode, 202);
});

t.test('a damaged end does not hide that a thread ended before', async (t) => {
  const app = await build(t, { IMPORT_BATCH_SIZE: '100', IMPORT_WORKERS: '1' });
  const { parsePool } = app;
  const { parse } = parsePool;
  let asked = 0;
  parsePool.parse = async (request) => {
    if (asked++ > 0) return await parse(request);
    const parsing = parse(request);
    await parsePool.piscina.threads[0]?.terminate();
    // Once the end has been read.
    await parsing.catch(async () => await pause(200));
    return await parsing;
  };
  const content = `[${users(400).join(',')},{"id":`;
  const job = await importFile(app, { resource: 'users', name: 'cut.json', content });
  t.match(job, { status: 'failed', failure: { code: 'malformed_json' }, successful: 400 });
});

t.test('a job that finds no thread is tried again', async (t) => {
  const app = await build(t);
  const { parsePool } = app;
  const { parse } = parsePool;
  parsePool.parse = async () => {
    parsePool.parse = parse;
    throw new NoThread();
  };
  const job = await importFile(app, { resource: 'users', name: 'u.ndjson', content: user(1) });
  t.match(job, { status: 'completed', successful: 1 });
  t.match(await app.sql`SELECT attempt FROM bulk.jobs`, [{ attempt: 2 }]);
});

t.test('an export whose quota cannot be asked for gives its connection back', async (t) => {
  const app = await build(t, { API_KEYS: `ann@acme:read+write:${key}` });
  const headers = { 'x-api-key': key };
  const letGo = await holdJobs(t, app);
  const accepted = await app.inject({ method: 'POST', url: '/v1/exports', headers, payload: { resource: 'users' } });
  await until(async () => (await waiting(app, 'bulk streams')).length > 0);
  await whileLocked(app, 'bulk.jobs', async () => {
    await letGo();
    // More often than there are connections for streams.
    for (let n = 0; n < 7; n++) {
      await until(async () => {
        const asking = await app.sql<{ pid: number }[]>`SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock'
          AND datname = current_database() AND application_name = 'bulk api' AND query LIKE '%growing%'`;
        for (const { pid } of asking) await app.sql`SELECT pg_terminate_backend(${pid})`;
        return asking.length > 0;
      });
    }
  });
  t.match(await ended(app, accepted.json().job_id, 'exports', headers), { status: 'completed' });
  t.equal((await app.inject({ url: '/v1/exports?resource=users', headers })).statusCode, 200);
});

t.test('an answer that waits for its turn on a connection holds nothing', async (t) => {
  const app = await fresh({ CLIENT_STALL_TIMEOUT: '1s', CLIENT_MIN_RATE: '0' });
  await app.sql`INSERT INTO users SELECT gen_random_uuid(), n || '@example.com', repeat('x', 200), 'viewer', true, now(), now()
    FROM generate_series(1, 100000) n`;
  const { port, hostname } = await listen(app);
  const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`;
  const exports = get('/v1/exports?resource=users').repeat(8);
  const busy = async () =>
    (
      await app.sql`SELECT FROM pg_stat_activity WHERE application_name = 'bulk streams' AND state <> 'idle'
        AND datname = current_database() AND query LIKE '%users%'`
    ).length;

  await t.test('behind a client that does not read', async (t) => {
    const socket = connect(Number(port), hostname);
    t.after(() => socket.destroy());
    socket.on('error', () => {});
    socket.write(get('/v1/imports') + exports);
    await once(socket, 'readable');
    await until(async () => (await busy()) > 0);
    // A large table is read over two connections.
    t.ok((await busy()) <= 2);
    await until(async () => (await busy()) === 0);
  });

  await t.test('behind events that go on', async (t) => {
    const socket = connect(Number(port), hostname);
    t.after(() => socket.destroy());
    await whileLocked(app, 'articles', async () => {
      const payload = { resource: 'articles' };
      const job = (await app.inject({ method: 'POST', url: '/v1/exports', payload })).json().job_id;
      socket.write(get(`/v1/exports/${job}/events`) + exports);
      await once(socket, 'data');
      socket.resume();
      await pause(200);
      t.equal(await busy(), 0);
    });
  });
});

t.test('a scrape that waits for a lock does not make the database look down', async (t) => {
  const app = await fresh();
  const { scrape, health } = await whileLocked(app, 'bulk.jobs', async () => {
    const scraping = app.inject({ url: '/metrics', headers: { accept: 'text/plain' } });
    await until(async () => (await waiting(app, 'bulk monitor')).length > 0);
    const health = await app.inject('/health');
    return { scrape: await scraping, health };
  });
  t.equal(health.statusCode, 200, health.body);
  t.match(scrape.body, /^bulk_database_up 1$/m);
});

t.test('a job that is fetched while a stop begins is left to the next start', async (t) => {
  const app = await build(t, { JOB_CONCURRENCY: '1' });
  const sql = openPool(app.connection, { max: 2, name: 'test', idleTransactionTimeoutMs: 0 });
  t.after(async () => await sql.end());
  const { job_id } = await importFile(app, { resource: 'users', name: 'u.ndjson', content: user(1) });
  await until(async () => app.queue.running === 0);
  let closing: Promise<void> | undefined;
  await sql.begin(async (tx) => {
    await tx`LOCK TABLE pgboss.job IN ACCESS EXCLUSIVE MODE`;
    await tx`UPDATE bulk.jobs SET status = 'pending', completed_at = NULL WHERE id = ${job_id}`;
    await tx`UPDATE pgboss.job SET state = 'created', completed_on = NULL, started_on = NULL, start_after = now() WHERE singleton_key = ${job_id}`;
    const fetching =
      () => sql`SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
      AND starts_with(application_name, 'bulk queue') AND query LIKE '%SKIP LOCKED%' AND query LIKE '%''import''%'`;
    await until(async () => (await fetching()).length > 0);
    closing = Promise.resolve(app.close());
    await pause(100);
  });
  await closing;
  t.match(await sql`SELECT status, attempt FROM bulk.jobs WHERE id = ${job_id}`, [{ status: 'pending', attempt: 1 }]);
});

t.end();
