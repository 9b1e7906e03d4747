// The routes of exports, as api.md describes them.
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { truncate } from 'node:fs/promises';
import { get, type IncomingMessage } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { setTimeout as pause } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import type { FastifyInstance } from 'fastify';
import t from 'tap';
import type { TablePart } from '../../db/copy-halves.ts';
import { findJob } from '../../db/jobs.ts';
import database from '../../plugins/database.ts';
import streamPool from '../../plugins/stream-pool.ts';
import { openCopy, openTable } from '../../src/export/open-copy.ts';
import { openRows } from '../../src/export/open-rows.ts';
import { parseSelection, splitQuery } from '../../src/export/parse-selection.ts';
import { formats } from '../../src/resources/formats.ts';
import { resources } from '../../src/resources/index.ts';
import { build, shareApps } from '../build.ts';
import { ended, listen } from '../client.ts';
import { inThisDatabase } from '../databases.ts';
import { environment } from '../environment.ts';
import { httpService } from '../plugins/http-service.ts';
import { shiftClock } from '../shift-clock.ts';

interface ExportStatus {
  job_id: string;
  status: string;
  total_records: number;
  bytes: number;
  completed_at: string;
  download_url: string;
  expires_at: string;
  sha256: string;
  failure?: { code: string };
}

const fresh = await shareApps(t);

async function freshFilled(rows: number, env?: Record<string, string>): Promise<FastifyInstance> {
  const app = await fresh(env);
  await fillUsers(app, rows);
  return app;
}

async function fillUsers(app: FastifyInstance, rows: number): Promise<void> {
  await app.sql`INSERT INTO users
    SELECT ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid, 'u' || n || '@example.com', repeat('name ', 20) || n,
      (ARRAY['admin', 'editor', 'viewer'])[1 + n % 3], n % 2 = 0, '2024-01-01T00:00:00Z'::timestamptz + n * interval '1 hour', now()
    FROM generate_series(1, ${rows}) n`;
}

const postJob = (app: FastifyInstance, payload: object, headers: Record<string, string> = {}) =>
  app.inject({ method: 'POST', url: '/v1/exports', payload, headers });

async function runJob(app: FastifyInstance, payload: object): Promise<ExportStatus> {
  const accepted = await postJob(app, payload);
  t.equal(accepted.statusCode, 202, accepted.body);
  return await ended<ExportStatus>(app, accepted.json().job_id, 'exports');
}

/** Connections of the streams' pool that are at work. */
const busy = async (app: FastifyInstance) =>
  (
    await app.sql`SELECT FROM pg_stat_activity WHERE application_name = 'bulk streams' AND state <> 'idle' AND datname = current_database()`
  ).length;

/** The response to a GET, once its first bytes are there. */
async function open(app: FastifyInstance, url: string, headers: Record<string, string> = {}): Promise<IncomingMessage> {
  const request = get(new URL(url, await listen(app)), { headers });
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  // A reset is an error of the request as well; the response tells.
  request.on('error', () => {});
  await once(response, 'readable');
  return response;
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await pause(10);
}

t.test('a streamed export: format, fields, filters, sort, limit, gzip', async (t) => {
  const app = await freshFilled(30);
  const response = await app.inject('/v1/exports?resource=users');
  t.match(response.headers, {
    'content-type': 'application/x-ndjson',
    'content-disposition': 'attachment; filename="users.ndjson"',
    'x-request-id': String,
  });
  t.equal(response.body.trimEnd().split('\n').length, 30);
  t.match(JSON.parse(response.body.split('\n')[0] ?? ''), { id: String, active: Boolean, created_at: /^2024-/ });

  const csv = await app.inject(
    '/v1/exports?resource=users&format=csv&fields=email,id&role[in]=admin,editor&created_at[lt]=2024-01-01T08:00:00Z&sort=-created_at&limit=2',
  );
  t.match(csv.headers, {
    'content-type': 'text/csv; charset=utf-8',
    'content-disposition': 'attachment; filename="users.csv"',
  });
  t.equal(
    csv.body,
    'email,id\nu7@example.com,00000000-0000-4000-8000-000000000007\nu6@example.com,00000000-0000-4000-8000-000000000006\n',
  );
  const json = await app.inject('/v1/exports?resource=users&format=json&limit=3');
  t.match(json.headers['content-type'], /^application\/json/);
  t.equal(json.json().length, 3);

  const zipped = await app.inject({
    url: '/v1/exports?resource=users&sort=id',
    headers: { 'accept-encoding': 'gzip' },
  });
  t.equal(zipped.headers['content-encoding'], 'gzip');
  t.equal(gunzipSync(zipped.rawPayload).toString().trimEnd().split('\n').length, 30);
  const head = await app.inject({ method: 'HEAD', url: '/v1/exports?resource=users&format=csv' });
  t.match(head.headers, { 'content-type': /csv/, 'content-length': undefined }, 'a length is not known before');

  for (const [query, code] of [
    ['format=csv', 'resource_required'],
    ['resource=people', 'unknown_resource'],
    ['resource=users&format=xml', 'unknown_format'],
    ['resource=users&fields=nme', 'unknown_field'],
    ['resource=users&colour=red', 'unknown_field'],
    ['resource=users&id=1', 'invalid_filter'],
  ] as const) {
    const refused = await app.inject(`/v1/exports?${query}`);
    t.match(refused.json(), { status: 400, code }, query);
    t.match(refused.headers['content-type'], /problem\+json/);
    t.notOk(refused.headers['content-disposition']);
  }
});

t.test('what an answer varies by is told beside what CORS tells', async (t) => {
  const app = await fresh({ CORS_ORIGIN: 'https://a.example,https://b.example' });
  for (const url of ['/v1/exports?resource=users', '/metrics']) {
    const { headers } = await app.inject({ url, headers: { origin: 'https://a.example' } });
    t.match(headers.vary, /^origin, accept/i, url);
  }
});

t.test('an export is one snapshot, whatever is written meanwhile', async (t) => {
  const app = await freshFilled(40_000);
  const response = await open(app, '/v1/exports?resource=users');
  await app.sql`DELETE FROM users`;
  let lines = 0;
  for await (const block of response) lines += (block as Buffer).toString('latin1').split('\n').length - 1;
  t.equal(lines, 40_000);
});

t.test('an export that the database breaks off breaks the connection', async (t) => {
  const app = await freshFilled(40_000);
  for (const format of ['ndjson', 'json', 'csv']) {
    const response = await open(app, `/v1/exports?resource=users&format=${format}`);
    await app.sql`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE application_name = 'bulk streams' AND state <> 'idle' AND datname = current_database()`;
    await t.rejects(async () => {
      for await (const _ of response);
    }, format);
    t.equal(response.complete, false);
  }
  t.equal((await app.inject('/v1/exports?resource=users&limit=1')).statusCode, 200, 'the next one is served');
});

t.test('a client that leaves frees its connection', async (t) => {
  const app = await freshFilled(40_000, { DB_MAX_OPEN_CONNS: '11' });
  for (let n = 0; n < 6; n++) {
    const response = await open(app, '/v1/exports?resource=users');
    response.destroy();
    await until(async () => (await busy(app)) === 0);
  }
  t.equal((await app.inject('/v1/exports?resource=users&limit=1')).statusCode, 200);
});

t.test('a client that leaves is no fault of ours', async (t) => {
  const { connection, config } = await freshFilled(40_000);
  const { app, logged } = await httpService(t, environment(connection, config.dataDir), async (app) => {
    await app.register(database);
    await app.register(streamPool);
    app.get('/rows', { config: { scope: 'read' } }, async (_, reply) => {
      return await reply.sendRows(async (options) => await openCopy(app.streams, 'COPY users TO STDOUT', options));
    });
  });
  for (const encoding of ['identity', 'gzip']) {
    const response = await open(app, '/rows', { 'accept-encoding': encoding });
    response.destroy();
    await until(async () => (await busy(app)) === 0);
  }
  await until(async () => logged.filter(({ msg }) => msg === 'stream closed prematurely').length === 2);
  t.same(
    logged.filter(({ level }) => Number(level) >= 40),
    [],
  );
});

t.test('an export job makes a file to download, whole or in parts', async (t) => {
  const app = await freshFilled(500);
  const accepted = await postJob(app, {
    resource: 'users',
    format: 'csv',
    fields: ['id', 'role'],
    filters: { role: 'admin', created_at: { gte: '2024-01-02T00:00:00Z' } },
    sort: 'id',
  });
  t.match(accepted.json(), { job_id: String, status: 'pending', resource: 'users', format: 'csv' });
  t.equal(accepted.headers.location, `/v1/exports/${accepted.json().job_id}`);
  const job = await ended<ExportStatus>(app, accepted.json().job_id, 'exports');
  t.match(job, {
    status: 'completed',
    download_url: `/v1/exports/${job.job_id}/download`,
    expires_at: /Z$/,
    sha256: /^[0-9a-f]{64}$/,
  });

  const whole = await app.inject(job.download_url);
  t.equal(createHash('sha256').update(whole.rawPayload).digest('hex'), job.sha256);
  t.equal(whole.rawPayload.length, job.bytes);
  t.equal(whole.body.trimEnd().split('\n').length - 1, job.total_records);
  t.match(whole.headers, {
    etag: `"${job.sha256}"`,
    'accept-ranges': 'bytes',
    'content-length': `${job.bytes}`,
    'content-disposition': 'attachment; filename="users.csv"',
  });
  const part = (headers: Record<string, string>) => app.inject({ url: job.download_url, headers });
  const middle = await part({ range: 'bytes=10-19' });
  t.equal(middle.statusCode, 206);
  t.equal(middle.headers['content-range'], `bytes 10-19/${job.bytes}`);
  t.equal(middle.body, whole.body.slice(10, 20));
  t.equal((await part({ range: 'bytes=-5' })).body, whole.body.slice(-5));
  t.equal((await part({ range: `bytes=${job.bytes - 3}-` })).body, whole.body.slice(-3));
  t.equal((await part({ range: 'bytes=0-4', 'if-range': `"${job.sha256}"` })).body, whole.body.slice(0, 5));
  t.equal((await part({ range: 'bytes=0-4', 'if-range': '"another"' })).statusCode, 200);
  const beyond = await part({ range: `bytes=${job.bytes}-` });
  t.match(beyond.json(), { status: 416, code: 'range_not_satisfiable' });
  t.equal(beyond.headers['content-range'], `bytes */${job.bytes}`);
  t.equal((await part({ 'if-none-match': `"${job.sha256}"` })).statusCode, 304);
  const head = await app.inject({ method: 'HEAD', url: job.download_url });
  t.match(head, {
    statusCode: 200,
    body: '',
    headers: { 'content-length': `${job.bytes}`, 'content-type': /^text\/csv/ },
  });

  const zipped = await runJob(app, { resource: 'users', compression: 'gzip' });
  const file = await app.inject(zipped.download_url);
  t.match(file.headers, {
    'content-type': 'application/gzip',
    'content-disposition': 'attachment; filename="users.ndjson.gz"',
  });
  t.equal(gunzipSync(file.rawPayload).toString().trimEnd().split('\n').length, 500);

  t.same((await findJob(app.db, 'export', job.job_id))?.options, { compression: null }, 'what may be long is not read');
  const list = await app.inject('/v1/exports');
  t.same(
    list.json().exports.map((one: ExportStatus) => one.job_id),
    [zipped.job_id, job.job_id],
  );

  const fileOf = async ({ job_id }: ExportStatus) => {
    const [{ file }] = await app.sql<[{ file: string }]>`SELECT file FROM bulk.jobs WHERE id = ${job_id}`;
    return file;
  };
  const files = app.storage.exports;
  const { size } = files;
  files.size = async (key) => {
    const bytes = await size.call(files, key);
    if (key === (await fileOf(zipped))) await files.remove(key);
    return bytes;
  };
  const swept = await app.inject(zipped.download_url);
  files.size = size;
  t.match(swept.json(), { status: 410, code: 'export_expired' }, 'the file was removed while it was asked for');
  t.same([swept.headers.etag, swept.headers['accept-ranges']], [undefined, undefined]);

  const stored = await fileOf(job);
  await truncate(app.storage.exports.path(stored), 10);
  t.match((await app.inject(job.download_url)).json(), { status: 410, code: 'export_expired', detail: /whole/ });
  t.equal((await part({ range: 'bytes=0-4' })).statusCode, 410, 'nor is a part of what is no longer whole');
});

t.test('export jobs are refused, replayed, cancelled and expire like the rest', async (t) => {
  // Nobody else may run its jobs: how long a file is kept is settled by who made it.
  const app = await build(t, { EXPORT_TTL: '1s' });
  await fillUsers(app, 100);
  for (const [payload, code] of [
    [{}, 'resource_required'],
    [{ resource: 'users', format: 'xml' }, 'unknown_format'],
    [{ resource: 'users', colour: 'red' }, 'unknown_option'],
    [{ resource: 'users', compression: 'zip' }, 'invalid_option'],
    [{ resource: 'users', filters: [] }, 'invalid_filter'],
    [[], 'invalid_parameter'],
  ] as const) {
    t.match((await postJob(app, payload)).json(), { status: 400, code }, JSON.stringify(payload));
  }
  const headers = { 'content-type': 'application/json' };
  t.match((await app.inject({ method: 'POST', url: '/v1/exports', payload: '{"resource"', headers })).json(), {
    status: 400,
  });
  for (const request of [{ payload: '{}', headers: { 'content-type': 'text/plain' } }, { query: 'resource=users' }]) {
    const refused = await app.inject({ method: 'POST', url: '/v1/exports', ...request });
    t.match(refused.json(), { status: 415, code: 'unsupported_media_type' }, JSON.stringify(request));
  }
  t.match((await app.inject('/v1/exports?status=failed&status=completed')).json(), {
    ...{ status: 400, code: 'invalid_parameter', detail: 'status is given more than once' },
  });

  const key = { 'idempotency-key': 'k' };
  const first = await postJob(app, { resource: 'users' }, key);
  const again = await postJob(app, { format: 'ndjson', resource: 'users' }, key);
  t.equal(again.statusCode, 200);
  t.match(again.headers, { 'idempotency-replayed': 'true' });
  t.equal(again.json().job_id, first.json().job_id);
  t.match((await postJob(app, { resource: 'articles' }, key)).json(), { status: 422, code: 'idempotency_key_reused' });

  const job = await ended<ExportStatus>(app, first.json().job_id, 'exports');
  await until(async () => Date.now() > Date.parse(job.expires_at));
  t.match((await app.inject(`/v1/exports/${job.job_id}/download`)).json(), { status: 410, code: 'export_expired' });

  const session = await app.sql.reserve();
  await session`BEGIN`;
  await session`SET LOCAL idle_in_transaction_session_timeout = 0`;
  await session`LOCK TABLE users IN ACCESS EXCLUSIVE MODE`;
  const held = (await postJob(app, { resource: 'users' })).json().job_id;
  t.match((await app.inject(`/v1/exports/${held}/download`)).json(), { status: 409, code: 'export_not_ready' });
  await until(async () => (await app.inject(`/v1/exports/${held}`)).json().status === 'processing');
  const cancelled = await app.inject({ method: 'POST', url: `/v1/exports/${held}/cancel`, headers });
  t.match([cancelled.statusCode, cancelled.json().status], [202, 'cancelled']);
  await until(async () => (await busy(app)) === 0);
  await session`ROLLBACK`;
  session.release();
  t.match((await app.inject({ method: 'POST', url: `/v1/exports/${held}/cancel` })).json(), { code: 'job_ended' });
  t.match((await app.inject(`/v1/exports/${held}/download`)).json(), { status: 409 });
  t.match((await app.inject('/v1/exports/x')).json(), { status: 404, code: 'job_not_found' });
});

t.test('how long an export is kept is measured by the clock of the database', async (t) => {
  const app = await freshFilled(10);
  const day = 86_400_000;
  for (const [clock, ms] of Object.entries({ right: 0, behind: -2 * day, ahead: 2 * day })) {
    await t.test(`a process whose clock is ${clock}`, async (t) => {
      shiftClock(t, ms);
      const job = await runJob(app, { resource: 'users' });
      t.equal(Date.parse(job.expires_at) - Date.parse(job.completed_at), day, 'EXPORT_TTL');
      const { exports } = (await app.inject('/v1/exports')).json();
      for (const { job_id, download_url } of [job, ...exports]) {
        t.ok(download_url, 'whoever made it');
        t.equal((await app.inject(`/v1/exports/${job_id}/download`)).statusCode, 200);
      }
    });
  }
});

t.test('a large table is read over two connections, as one snapshot', async (t) => {
  const app = await fresh();
  // Pages of few rows: many pages in little time.
  await app.sql`ALTER TABLE users SET (fillfactor = 10)`;
  const rows = 9_000;
  await fillUsers(app, rows);
  const begin = async (format: string, more = '') => {
    const asked = parseSelection(resources, splitQuery({ resource: 'users', format, ...(more && { sort: more }) }));
    return await openRows(app.streams, asked, { signal: new AbortController().signal });
  };
  const lines = (text: string) => text.replaceAll(/^[[,]/gm, '').split('\n').sort();

  for (const format of formats) {
    const sorted = await buffer((await begin(format, 'id')).bytes);
    const { bytes, countRecords } = await begin(format);
    t.equal(await busy(app), 2);
    await app.sql`UPDATE users SET name = name || '.'`;
    const text = (await buffer(bytes)).toString();
    t.equal(countRecords(), rows);
    t.same(lines(text), lines(sorted.toString()), `${format}: as it was before the update`);
    if (format === 'csv') t.ok(text.startsWith('id,email,'));
    if (format === 'json') t.equal(JSON.parse(text).length, rows);
  }

  // The second session is kept waiting for its connection; what is written meanwhile it does not see either.
  const sorted = await buffer((await begin('csv', 'id')).bytes);
  const taken = await Promise.all(Array.from({ length: 4 }, () => app.streams.pool.reserve()));
  const beginning = begin('csv');
  const firstWaits = () => app.sql`SELECT FROM pg_stat_activity
    WHERE datname = current_database() AND state = 'idle in transaction' AND query LIKE '%pg_export_snapshot()%'`;
  await until(async () => (await firstWaits()).length === 1);
  await app.sql`UPDATE users SET name = name || '.'`;
  for (const session of taken) session.release();
  const { bytes } = await beginning;
  t.equal(await busy(app), 2);
  t.same(lines((await buffer(bytes)).toString()), lines(sorted.toString()), 'as it was when the first one began');

  // A gigabyte each: more than is ever on its way to a reader who has not begun.
  const { signal } = new AbortController();
  const long = () => `COPY (SELECT repeat('x', 1000), generate_series(1, 1000000)) TO STDOUT`;
  const given = await openTable(app.streams, 'users', long, { signal });
  t.equal(await busy(app), 2);
  given.destroy();
  await until(async () => (await busy(app)) === 0);
  t.pass('who stops reading frees both');

  const broken = await openTable(app.streams, 'users', long, { signal });
  await app.sql`SELECT pg_terminate_backend(max(pid)) FROM pg_stat_activity
    WHERE application_name = 'bulk streams' AND state <> 'idle' AND datname = current_database()`;
  await t.rejects(buffer(broken), 'the loss of one is the failure of all');
  await until(async () => (await busy(app)) === 0);
  // Given back here a moment after PostgreSQL has seen the end: five at once are to be had once all are.
  const all = await Promise.all(Array.from({ length: 5 }, () => app.streams.slots.acquire()));
  for (const release of all) release();

  const read = async (statementOf: (part: TablePart) => string) =>
    (await buffer(await openTable(app.streams, 'users', statementOf, { signal }))).toString();
  const holder = await app.sql.reserve();
  const waiting = async (query: string) =>
    (
      await app.sql`SELECT FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE ${query}`
    ).length;
  const gate = 'COPY (SELECT pg_advisory_xact_lock_shared(1)) TO STDOUT';
  await holder`SELECT pg_advisory_lock(1)`;
  const both = read(() => gate);
  await until(async () => (await waiting('COPY%')) === 2);
  const locks = await app.sql`SELECT FROM pg_locks
    WHERE ${inThisDatabase(app.sql)} AND relation = 'users'::regclass AND mode = 'AccessShareLock'`;
  await holder`SELECT pg_advisory_unlock(1)`;
  await both;
  t.equal(locks.length, 2, 'nobody can rewrite the table between the two');

  // Somebody reads the table, somebody else waits for him to rewrite it.
  const [reader, writer] = [await app.sql.reserve(), await app.sql.reserve()];
  await reader.unsafe('BEGIN; LOCK TABLE users IN ACCESS SHARE MODE');
  const rewritten = writer.unsafe('CLUSTER users USING users_pkey').execute();
  await until(async () => (await waiting('CLUSTER%')) > 0);
  const queued = read(({ condition, first }) => `COPY (SELECT ${condition === null}, ${first} FROM users) TO STDOUT`);
  await until(async () => (await waiting('COPY%')) > 0);
  t.equal(await busy(app), 1, 'who must wait for the table waits with one connection');
  await reader.unsafe('ROLLBACK');
  await rewritten;
  for (const session of [reader, writer]) session.release();
  t.equal(await queued, 't\tt\n'.repeat(rows));

  // The second part begins, and breaks off while the first one has not begun.
  await holder`SELECT pg_advisory_lock(1)`;
  const late = t.rejects(
    read(({ first }) => (first ? gate : 'COPY (SELECT 1 / (5000 - n) FROM generate_series(1, 5000) n) TO STDOUT')),
    { code: '22012' },
  );
  await until(async () => (await busy(app)) === 1);
  await holder`SELECT pg_advisory_unlock(1)`;
  holder.release();
  await late;
  await Promise.all(all.map(async () => await app.streams.slots.acquire())).then((slots) =>
    slots.map((free) => free()),
  );

  // The last connections are for others: with two of five left, an export does with one.
  // PostgreSQL sees the end of one before its slot is free, so the first try may come too early.
  await until(async () => {
    const open = [await begin('csv'), await begin('csv'), await begin('csv')];
    const used = await busy(app);
    for (const { bytes } of open) bytes.destroy();
    await until(async () => (await busy(app)) === 0);
    return used === 4;
  });
  t.pass('three exports use four connections');
});

t.end();
