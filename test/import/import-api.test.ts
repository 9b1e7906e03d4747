// The routes of imports, as api.md describes them.
import { readdir, rm, truncate } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import type { FastifyInstance } from 'fastify';
import t from 'tap';
import { build, shareApps } from '../build.ts';
import { ended, importFile, listen, post, statusOf } from '../client.ts';
import { id, user } from '../numbered.ts';

const users = (from: number, to: number, more: Record<string, unknown> = {}) =>
  Array.from({ length: to - from + 1 }, (_, i) => user(from + i, more)).join('\n');
const articles = (n: number, author: number) =>
  JSON.stringify({ id: id(n), slug: `s-${n}`, title: 'T', body: 'B', author_id: id(author) });
const file = { resource: 'users', name: 'users.ndjson', content: users(1, 3) };

const fresh = await shareApps(t);

/** Holds back what imports of the table load, until released. */
async function hold(app: FastifyInstance, table: string): Promise<() => Promise<void>> {
  const session = await app.sql.reserve();
  await session`BEGIN`;
  await session`SET LOCAL idle_in_transaction_session_timeout = 0`;
  await session`LOCK TABLE ${session(table)} IN EXCLUSIVE MODE`;
  return async () => {
    await session`COMMIT`;
    session.release();
  };
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await pause(10);
}

t.test('a posted file is accepted with its job, which can be followed and is listed', async (t) => {
  const app = await fresh();
  const accepted = await post(app, file);
  t.equal(accepted.statusCode, 202);
  const { job_id } = accepted.json();
  t.match(accepted.json(), { job_id: /^[0-9a-f-]{36}$/, status: 'pending', resource: 'users', message: String });
  t.equal(accepted.headers.location, `/v1/imports/${job_id}`);
  t.ok(accepted.headers['x-request-id']);

  const job = await ended(app, job_id);
  t.match(job, {
    ...{
      job_id,
      type: 'import',
      resource: 'users',
      format: 'ndjson',
      status: 'completed',
      total_records: 3,
      processed: 3,
    },
    ...{ successful: 3, failed: 0, error_count: 0, error_rate_pct: 0, progress_pct: 100 },
    ...{ bytes_total: file.content.length, bytes_processed: file.content.length },
    ...{ duration_ms: Number, created_at: /Z$/, started_at: /Z$/, completed_at: /Z$/ },
    ...{ error_report: `/v1/imports/${job_id}/errors`, errors: [] },
  });

  await importFile(app, { ...file, resource: 'articles', content: articles(1, 1) });
  await importFile(app, { ...file, name: 'x.csv', content: 'nothing' });
  const list = (query: string) => app.inject(`/v1/imports${query}`);
  t.same(
    (await list('')).json().imports.map((one: { resource: string }) => one.resource),
    ['users', 'articles', 'users'],
    'newest first',
  );
  t.same((await list('?status=failed')).json().imports.length, 1);
  t.same((await list('?resource=articles')).json().imports.length, 1);
  const first = await list('?limit=2');
  t.equal(first.json().imports.length, 2);
  const next = /<([^>]+)>; rel="next"/.exec(`${first.headers.link}`)?.[1] ?? '';
  t.match(next, `after=${first.json().next}`);
  const second = await app.inject(next);
  t.same(
    second.json().imports.map((one: { job_id: string }) => one.job_id),
    [job_id],
  );
  await app.sql`DELETE FROM bulk.jobs WHERE id = ${first.json().imports[1].job_id}`;
  t.same((await app.inject(next)).json(), second.json(), 'also when the last job of a page has been removed meanwhile');
  for (const query of ['?status=done', '?limit=0', '?limit=9999', '?after=x']) {
    t.match((await list(query)).json(), { status: 400, code: 'invalid_parameter' }, query);
  }
});

t.test('what cannot be imported is refused, by name', async (t) => {
  const app = await build(t, { MAX_UPLOAD_SIZE: '2000' });
  const refused: [Partial<Parameters<typeof post>[1]>, number, string, RegExp][] = [
    [{ resource: undefined }, 400, 'resource_required', /users, articles, comments/],
    [{ resource: 'people' }, 400, 'unknown_resource', /'people'.*users, articles, comments/],
    [{ resource: '__proto__' }, 400, 'unknown_resource', /users/],
    [{ name: 'users.xml' }, 400, 'unsupported_file_type', /users\.xml.*\.csv/],
    [{ name: 'users' }, 400, 'unsupported_file_type', /format/],
    [{ fields: { format: 'xml' } }, 400, 'unsupported_file_type', /csv, ndjson, json/],
    [{ fields: { colour: 'red' } }, 400, 'unknown_option', /'colour'.*resource, format, delimiter/],
    [{ query: '?colour=red' }, 400, 'unknown_option', /'colour'/],
    [{ fields: { delimiter: '|' } }, 400, 'invalid_option', /delimiter/],
    [{ fields: { delimiter: ';' } }, 400, 'invalid_option', /csv/],
    [{ content: 'x'.repeat(2001) }, 413, 'file_too_large', /2000/],
  ];
  for (const [change, status, code, detail] of refused) {
    const response = await post(app, { ...file, ...change });
    t.match(
      response.json(),
      { status, code, detail, error: detail, title: String, request_id: response.headers['x-request-id'] },
      code,
    );
    t.equal(response.statusCode, status);
    t.match(response.headers['content-type'], /^application\/problem\+json/);
  }
  const body = (payload: string | object, type: string) =>
    app.inject({ method: 'POST', url: '/v1/imports?resource=users', payload, headers: { 'content-type': type } });
  for (const type of ['text/csv', 'text/plain'])
    t.match((await body('a,b', type)).json(), { status: 415, code: 'unsupported_media_type' });
  t.match((await body({ resource: 'users', file_url: 'http://a' }, 'application/json')).json(), {
    status: 400,
    code: 'remote_files_off',
  });
  t.match((await body('no form', 'multipart/form-data')).json(), { status: 400 }, 'no boundary');
  t.match((await body('no form', 'multipart/form-data; boundary=x')).json(), { status: 400 });
  const part = (headers: string) => `--x\r\ncontent-disposition: form-data; ${headers}\r\n\r\n${users(1, 1)}\r\n--x`;
  const form = 'multipart/form-data; boundary=x';
  t.match((await body(`${part('name="file"; filename="u.ndjson"')}\r\n`, form)).json(), { status: 400 }, 'cut off');
  t.match((await body(`${part('name="other"; filename="u.ndjson"')}--\r\n`, form)).json(), { code: 'file_required' });
  t.match((await body(`${part('name="file"')}--\r\n`, form)).json(), { status: 400 }, 'a field instead of a file');
  t.match((await body('--x--\r\n', form)).json(), { code: 'file_required' });
  for (const headers of ['filename="u.ndjson"', '']) {
    const nameless = { status: 400, code: 'malformed_request', detail: 'a part of the form has no name' };
    t.match((await body(`${part(headers)}--\r\n`, form)).json(), nameless, headers);
  }
  const two = `${part('name="file"; filename="u.ndjson"')}\r\n${part('name="file"; filename="v.ndjson"')}--\r\n`;
  t.match((await body(two, form)).json(), { code: 'file_required', detail: /one file/ });
  const field = (name: string) => `--x\r\ncontent-disposition: form-data; name="${name}"\r\n\r\nusers\r\n`;
  const text = `${field('file')}${part('name="file"; filename="u.ndjson"')}--\r\n`;
  t.match((await body(text, form)).json(), { code: 'file_required', detail: /must be a file/ });
  for (const again of ['resource', 'delimiter']) {
    const twice = `${field(again)}${field(again)}${part('name="file"; filename="u.ndjson"')}--\r\n`;
    t.match((await body(twice, form)).json(), { code: 'invalid_option', detail: /given once/ });
  }

  t.same((await app.inject('/v1/imports')).json().imports, [], 'no job was made');
  t.same(await readdir(app.config.uploadDir), [], 'and no file is left');
});

t.test('resource, format and delimiter may come by query or form, before or after the file', async (t) => {
  const app = await fresh();
  const csv = `id;email;name;role;created_at\n${id(1)};a@example.com;A;viewer;2024-01-01T00:00:00Z\n`;
  const after = [
    '--x\r\ncontent-disposition: form-data; name="file"; filename="data"\r\n\r\n',
    csv,
    ...['resource\r\n\r\nusers', 'format\r\n\r\ncsv', 'delimiter\r\n\r\n;'].map(
      (field) => `\r\n--x\r\ncontent-disposition: form-data; name="${field.replace('\r\n', '"\r\n')}`,
    ),
    '\r\n--x--\r\n',
  ].join('');
  const headers = { 'content-type': 'multipart/form-data; boundary=x' };
  const response = await app.inject({ method: 'POST', url: '/v1/imports', payload: after, headers });
  t.equal(response.statusCode, 202, response.body);
  t.match(await ended(app, response.json().job_id), { status: 'completed', successful: 1, format: 'csv' });

  const byQuery = { name: 'data', content: csv, query: '?resource=users&format=csv&delimiter=%3B' };
  t.match(await importFile(app, byQuery), { status: 'completed', failed: 1 }, 'read, and a duplicate');
  t.match(
    await importFile(app, { resource: 'users', name: 'data.csv', content: csv }),
    { failed: 1 },
    'delimiter detected',
  );
  t.match(await importFile(app, { resource: 'users', name: 'USERS.NDJSON', content: users(2, 2) }), { successful: 1 });
  t.match(await importFile(app, { resource: 'users', name: 'u.json', content: users(3, 4) }), {
    format: 'json',
    successful: 2,
  });
});

t.test('unknown and malformed ids are not found', async (t) => {
  const app = await fresh();
  for (const path of ['', '/errors']) {
    for (const jobId of [id(1), 'x', '%00', '__proto__', "' OR 1=1 --"]) {
      const response = await app.inject(`/v1/imports/${encodeURIComponent(jobId)}${path}`);
      t.match(response.json(), { status: 404, code: 'job_not_found' }, `${jobId}${path}`);
    }
  }
  t.match((await app.inject({ method: 'POST', url: `/v1/imports/${id(1)}/cancel` })).json(), { code: 'job_not_found' });
});

t.test('the error report: all of it, pages, CSV without formulas, NDJSON', async (t) => {
  const app = await build(t, { IMPORT_BATCH_SIZE: '7' });
  const names = ['=1+1', '+1', '-1', '@cmd', '\tx', 'plain', '"quoted", and a comma', 'line\nbreak'];
  const content = names.map((name, n) => users(n + 1, n + 1, { email: 'nobody', role: name, name: 'N' })).join('\n');
  const job = await importFile(app, { ...file, content });
  const url = `/v1/imports/${job.job_id}/errors`;
  t.match(job, { error_count: 16, failed: 8, error_rate_pct: 100 });
  t.match(job.errors[0], {
    line: 1,
    record: 1,
    field: 'email',
    code: 'email',
    message: 'invalid email format',
    value: 'nobody',
  });

  const whole = (await app.inject(url)).json();
  t.match(whole, { job_id: job.job_id, error_count: 16 });
  t.same(whole.errors, job.errors, 'as in the status');

  const paged = [];
  for (
    let page = await app.inject(`${url}?limit=5`);
    ;
    page = await app.inject(`${url}?limit=5&after=${page.json().next}`)
  ) {
    paged.push(...page.json().errors);
    t.equal(page.headers.link !== undefined, page.json().next !== undefined);
    if (page.json().next === undefined) break;
  }
  t.same(paged, whole.errors);
  for (const query of ['?limit=0', '?limit=10001', '?after=x', '?format=xml']) {
    t.match((await app.inject(url + query)).json(), { status: 400, code: 'invalid_parameter' }, query);
  }

  const lines = (await app.inject(`${url}?format=ndjson`)).body.trimEnd().split('\n');
  t.same(
    lines.map((line) => JSON.parse(line)),
    whole.errors,
  );
  const csv = await app.inject(`${url}?format=csv`);
  t.match(csv.headers, {
    'content-type': /^text\/csv/,
    'content-disposition': `attachment; filename="errors_${job.job_id}.csv"`,
  });
  t.match(csv.body, /^line,field,message,value\n1,email,invalid email format,nobody\n1,role,/);
  for (const cell of [
    ",'=1+1\n",
    ",'+1\n",
    ",'-1\n",
    ",'@cmd\n",
    ',plain\n',
    ',"""quoted"", and a comma"\n',
    ',"line\nbreak"\n',
  ]) {
    t.ok(csv.body.includes(cell), JSON.stringify(cell));
  }
  const none = await importFile(app, { ...file, content: users(50, 50) });
  t.same((await app.inject(`/v1/imports/${none.job_id}/errors`)).json().errors, []);
  t.equal((await app.inject(`/v1/imports/${none.job_id}/errors?format=csv`)).body, 'line,field,message,value\n');

  const release = await hold(app, 'users');
  const running = (await post(app, { ...file, content })).json().job_id;
  const first = await app.inject(`/v1/imports/${running}/errors?limit=20`);
  t.same(first.json().errors, []);
  await release();
  await ended(app, running);
  const [, next = ''] = /<([^>]+)>; rel="next"/.exec(`${first.headers.link}`) ?? [];
  t.match(next, `after=${first.json().next}`);
  t.same((await app.inject(next)).json().errors, whole.errors, 'whoever pages a running import gets them all');
});

t.test('cancel: a running import keeps what was committed, a waiting one never starts', async (t) => {
  const app = await build(t, { IMPORT_BATCH_SIZE: '10', IMPORT_CONNECTIONS: '1' });
  const release = await hold(app, 'users');
  const running = (await post(app, { ...file, content: users(1, 500) })).json().job_id;
  const waiting = (await post(app, { ...file, resource: 'articles', content: articles(1, 1) })).json().job_id;
  t.same((await statusOf(app, waiting)).waiting_for, [running]);
  t.equal((await statusOf(app, waiting)).status, 'pending');
  await until(async () => (await statusOf(app, running)).status === 'processing');

  const cancel = (jobId: string, headers = {}) =>
    app.inject({ method: 'POST', url: `/v1/imports/${jobId}/cancel`, headers });
  const first = await cancel(running, { 'content-type': 'application/json' });
  t.equal(first.statusCode, 202);
  t.equal(first.json().status, 'cancelled');
  for (const type of ['', 'application/x-www-form-urlencoded', 'application/json']) {
    const ofNothing = { 'content-length': '0', ...(type && { 'content-type': type }) };
    t.match((await cancel(running, ofNothing)).json(), { status: 409, code: 'job_ended' }, type);
  }
  await release();
  t.match(await ended(app, waiting), { status: 'completed', failed: 1 }, 'its parents are no longer awaited');
  const cancelled = await statusOf(app, running);
  t.equal((await app.sql`SELECT FROM users`).length, cancelled.successful);
  t.equal(cancelled.processed, cancelled.successful + cancelled.failed);
  t.match(cancelled, { status: 'cancelled', unprocessed: [{ from_line: cancelled.processed + 1, to_line: null }] });

  const releaseAgain = await hold(app, 'users');
  await post(app, { ...file, content: users(1001, 1002) });
  const child = (await post(app, { ...file, resource: 'articles', content: articles(2, 1001) })).json().job_id;
  t.equal((await cancel(child)).json().status, 'cancelled');
  await releaseAgain();
  t.match(await statusOf(app, child), {
    status: 'cancelled',
    processed: 0,
    unprocessed: [{ from_line: 1, to_line: null }],
  });
});

t.test('a job that fails says why, and nothing else than that', async (t) => {
  const app = await build(t);
  const release = await hold(app, 'users');
  await post(app, { ...file, content: users(1, 2) });
  const first = await readdir(app.config.uploadDir);
  const waiting = (await post(app, { ...file, resource: 'articles', content: articles(1, 1) })).json().job_id;
  const [upload] = (await readdir(app.config.uploadDir)).filter((name) => !first.includes(name));
  await rm(join(app.config.uploadDir, upload!));
  await release();
  t.match(await ended(app, waiting), { status: 'failed', failure: { code: 'upload_gone' } });

  // A folder that was restored from a copy made while the file came in, say: half a file looks like a whole one.
  const many = Array.from({ length: 3000 }, (_, n) => articles(n, 1)).join('\n');
  for (const [name, content] of [
    ['a.ndjson', many],
    ['a.ndjson.gz', gzipSync(many)],
  ] as const) {
    const releaseParent = await hold(app, 'users');
    await post(app, { ...file, content: users(1, 2) });
    const { job_id } = (await post(app, { resource: 'articles', name, content })).json();
    const [job] = await app.sql<[{ file: string }]>`SELECT file FROM bulk.jobs WHERE id = ${job_id}`;
    await truncate(join(app.config.uploadDir, job.file), 10_000);
    await releaseParent();
    t.match(await ended(app, job_id), {
      ...{ status: 'failed', failure: { code: 'upload_gone', detail: /only 10000 of/ } },
      ...{ processed: 0, error_count: 0, unprocessed: [{ from_line: 1, to_line: null }] },
    });
  }

  // A thread that cannot start, and a file that may not be read: their codes look like a lost upload's, and an SQLSTATE.
  const { parse } = app.parsePool;
  t.after(() => {
    app.parsePool.parse = parse;
  });
  for (const code of ['ENOENT', 'EPERM']) {
    app.parsePool.parse = async () => {
      throw Object.assign(new Error(`${code}: process.cwd failed`), { code });
    };
    const job = await importFile(app, { ...file, content: users(3, 4) });
    t.match(job, { status: 'failed', failure: { code: 'internal_error' } }, code);
  }
});

t.test('users, articles and comments posted at once come out as if each had been awaited', async (t) => {
  const app = await build(t, { IMPORT_BATCH_SIZE: '50' });
  const comment = (n: number) =>
    JSON.stringify({ id: id(n), article_id: id(n), user_id: id(n), body: 'Hello', created_at: '2024-01-01T00:00:00Z' });
  const range = Array.from({ length: 300 }, (_, n) => n + 1);
  const jobs = [];
  for (const [resource, content] of [
    ['users', users(1, 300)],
    ['articles', range.map((n) => articles(n, n)).join('\n')],
    ['comments', range.map(comment).join('\n')],
  ] as const) {
    jobs.push((await post(app, { resource, name: 'f.ndjson', content })).json().job_id);
  }
  for (const jobId of jobs) t.match(await ended(app, jobId), { status: 'completed', successful: 300, failed: 0 });
});

t.test('Idempotency-Key: the same request is answered with its job, another one is refused', async (t) => {
  const app = await fresh();
  const headers = { 'idempotency-key': 'monday-1' };
  const first = await post(app, { ...file, headers });
  t.equal(first.statusCode, 202);
  const { job_id } = await ended(app, first.json().job_id);
  const again = await post(app, { ...file, name: 'renamed.ndjson', headers });
  t.equal(again.statusCode, 200);
  t.equal(again.headers['idempotency-replayed'], 'true');
  t.match(again.json(), { job_id, status: 'completed', successful: 3 });
  const changes = [
    { content: users(1, 4) },
    { resource: 'articles' },
    { fields: { format: 'json' } },
    { name: 'users.ndjson.gz' },
  ];
  for (const change of changes) {
    t.match((await post(app, { ...file, ...change, headers })).json(), { status: 422, code: 'idempotency_key_reused' });
  }
  t.equal((await app.inject('/v1/imports')).json().imports.length, 1);
  t.equal((await readdir(app.config.uploadDir)).length, 1, 'the replayed uploads are gone');
  for (const key of ['', 'x'.repeat(256), 'tab\there']) {
    t.match(
      (await post(app, { ...file, headers: { 'idempotency-key': key } })).json(),
      { status: 400 },
      JSON.stringify(key),
    );
  }

  const refused = { 'idempotency-key': 'tuesday' };
  t.equal((await post(app, { ...file, name: 'x.xml', headers: refused })).statusCode, 400);
  t.equal((await post(app, { ...file, headers: refused })).statusCode, 202, 'a refused request frees its key');
});

t.test('twenty clients with one key make one job', async (t) => {
  const app = await fresh();
  const responses = await Promise.all(
    Array.from({ length: 20 }, () => post(app, { ...file, headers: { 'idempotency-key': 'together' } })),
  );
  const codes = responses.map(({ statusCode }) => statusCode);
  t.equal(codes.filter((code) => code === 202).length, 1, codes.join(' '));
  for (const { statusCode, headers } of responses) {
    if (statusCode === 409) t.ok(headers['retry-after']);
    else t.ok([200, 202].includes(statusCode));
  }
  const { imports } = (await app.inject('/v1/imports')).json();
  t.equal(imports.length, 1);
});

t.test(
  'a client that goes away in the middle of its upload leaves neither job nor file, and frees its key',
  async (t) => {
    const app = await fresh();
    const headers = {
      'content-type': 'multipart/form-data; boundary=x',
      'idempotency-key': 'gone',
      'content-length': 1_000_000,
    };
    const upload = request(new URL('/v1/imports?resource=users', await listen(app)), { method: 'POST', headers });
    upload.on('error', () => {});
    upload.write(`--x\r\ncontent-disposition: form-data; name="file"; filename="u.ndjson"\r\n\r\n${users(1, 100)}`);
    await until(async () => (await readdir(app.config.uploadDir)).length > 0);
    upload.destroy();
    await until(async () => (await readdir(app.config.uploadDir)).length === 0);
    await until(async () => (await app.sql`SELECT FROM bulk.idempotency_keys`).length === 0);
    t.same((await app.inject('/v1/imports')).json().imports, []);
    t.equal((await post(app, { ...file, headers: { 'idempotency-key': 'gone' } })).statusCode, 202);
  },
);

t.test('more jobs than MAX_UNFINISHED_JOBS are refused for now', async (t) => {
  const app = await build(t, { MAX_UNFINISHED_JOBS: '2' });
  const release = await hold(app, 'users');
  const jobs = [await post(app, file), await post(app, { ...file, content: users(4, 5) })].map(
    (one) => one.json().job_id,
  );
  const refused = await post(app, file);
  t.match(refused.json(), { status: 429, code: 'too_many_jobs' });
  t.ok(refused.headers['retry-after']);
  await release();
  for (const jobId of jobs) t.match(await ended(app, jobId), { status: 'completed' });
  t.equal((await post(app, file)).statusCode, 202);
});

t.end();
