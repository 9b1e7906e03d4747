// From a posted file to rows and row errors: what comes out of which file, whatever the settings.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import t from 'tap';
import { writeRecords } from '../../testdata/write-records.ts';
import { build, shareApps } from '../build.ts';
import { importFile } from '../client.ts';
import { id } from '../numbered.ts';
import { temporaryFolder } from '../temporary-folder.ts';

const testdata = join(import.meta.dirname, '../../testdata');
const user = (n: number, more: Record<string, unknown> = {}) => ({
  id: id(n),
  email: `user${n}@example.com`,
  name: `User ${n}`,
  role: 'viewer',
  created_at: '2024-01-01T00:00:00Z',
  ...more,
});
const ndjson = (...records: unknown[]) => records.map((record) => `${JSON.stringify(record)}\n`).join('');
const csvHeader = 'id,email,name,role,created_at';
const csv = (...lines: string[]) => [csvHeader, ...lines, ''].join('\n');
const csvUser = (n: number, name = `User ${n}`) => `${id(n)},user${n}@example.com,${name},viewer,2024-01-01T00:00:00Z`;

const freshApp = await shareApps(t);
const fresh = async (chunkRecords: number) =>
  await freshApp({ IMPORT_BATCH_SIZE: `${chunkRecords}`, IMPORT_WORKERS: '2', IMPORT_CONNECTIONS: '4' });

const hugeFiles = [
  { resource: 'users', name: 'users_huge.csv', counts: [10_000, 3_233, 6_767, 7_086] },
  { resource: 'articles', name: 'articles_huge.ndjson', counts: [15_000, 11_155, 3_845, 4_083] },
  { resource: 'comments', name: 'comments_huge.ndjson', counts: [20_000, 19_105, 895, 930] },
] as const;

t.test('the faulty sample files give the published counts, whatever the settings', async (t) => {
  const reports = new Map<string, Set<string>>(hugeFiles.map(({ name }) => [name, new Set()]));
  for (const [workers, connections, chunkRecords, files] of [
    [1, 1, 20_000, hugeFiles],
    [3, 4, 777, hugeFiles],
    // Hundreds of transactions are enough of them.
    [4, 2, 40, hugeFiles.slice(0, 1)],
  ] as const) {
    await t.test(`${workers} workers, ${connections} connections, ${chunkRecords} records a chunk`, async (t) => {
      const app = await build(t, {
        IMPORT_WORKERS: `${workers}`,
        IMPORT_CONNECTIONS: `${connections}`,
        IMPORT_BATCH_SIZE: `${chunkRecords}`,
      });
      for (const { resource, name, counts } of files) {
        const job = await importFile(app, { resource, name, content: await readFile(join(testdata, name)) });
        const { total_records, successful, failed, error_count } = job;
        t.same([job.status, total_records, successful, failed, error_count], ['completed', ...counts], name);
        t.equal(job.processed, total_records, 'every record is one or the other');
        t.equal(job.progress_pct, 100);
        t.equal(job.bytes_processed, job.bytes_total);
        const rows = await app.sql`SELECT count(*) AS rows FROM ${app.sql(resource)}`;
        t.same(rows, [{ rows: successful }], 'the table holds what was counted');
        reports.get(name)?.add((await app.inject(`/v1/imports/${job.job_id}/errors?format=csv`)).body);
      }
    });
  }
  for (const [name, found] of reports) t.equal(found.size, 1, `the row errors of ${name} are the same to the byte`);
});

t.test('each resource comes in by each format, gzipped too', async (t) => {
  const folder = await temporaryFolder(t);
  const app = await fresh(100);
  for (const resource of ['users', 'articles', 'comments'] as const) {
    if (resource !== 'users') await parents(resource);
    for (const ending of ['csv', 'ndjson', 'jsonl', 'json', 'csv.gz', 'ndjson.gz', 'json.gz']) {
      await app.sql.unsafe(`TRUNCATE ${resource} CASCADE`);
      const name = `${resource}.${ending}`;
      await writeRecords({ resource, records: 600, invalid: 0.5, users: 200, articles: 200, path: join(folder, name) });
      const job = await importFile(app, { resource, name, content: await readFile(join(folder, name)) });
      t.match(job, { status: 'completed', total_records: 600, successful: 300, failed: 300, error_count: 300 }, name);
      t.equal(job.bytes_processed, job.bytes_total);
    }
  }

  /** Valid ones, 200 each. */
  async function parents(resource: 'articles' | 'comments') {
    for (const parent of resource === 'articles' ? (['users'] as const) : (['users', 'articles'] as const)) {
      await app.sql.unsafe(`TRUNCATE ${parent} CASCADE`);
      const path = join(folder, `${parent}.ndjson`);
      await writeRecords({ resource: parent, records: 200, users: 200, path });
      const job = await importFile(app, { resource: parent, name: 'p.ndjson', content: await readFile(path) });
      t.equal(job.successful, 200);
    }
  }
});

t.test('a file posted twice: every record of the second is a duplicate, the table is unchanged', async (t) => {
  const app = await fresh(100);
  const path = join(await temporaryFolder(t), 'users.csv');
  await writeRecords({ resource: 'users', records: 1000, path });
  const content = await readFile(path);
  t.match(await importFile(app, { resource: 'users', name: 'users.csv', content }), { successful: 1000, failed: 0 });
  const before = await app.sql`SELECT * FROM users ORDER BY id`;
  const second = await importFile(app, { resource: 'users', name: 'users.csv', content });
  t.match(second, { status: 'completed', total_records: 1000, successful: 0, failed: 1000, error_count: 2000 });
  t.match(second.errors[0], { line: 2, record: 1, field: 'id', code: 'duplicate', message: 'duplicate id' });
  t.match(second.errors[1], { line: 2, record: 1, field: 'email', code: 'duplicate', message: 'duplicate email' });
  t.same(await app.sql`SELECT * FROM users ORDER BY id`, before);
});

t.test('the first acceptable record with a key wins; a rejected one claims nothing', async (t) => {
  for (const chunkRecords of [1, 2, 100]) {
    const app = await fresh(chunkRecords);
    const content = ndjson(
      user(1, { email: 'x@example.com' }),
      user(1, { email: 'y@example.com' }),
      user(2, { email: 'Y@Example.com' }),
      user(3, { email: 'z@example.com', role: 'boss' }),
      user(3, { email: 'Z@example.com' }),
      user(4, { email: 'x@EXAMPLE.com' }),
    );
    const job = await importFile(app, { resource: 'users', name: 'users.ndjson', content });
    const errors = job.errors.map(({ record, field, code }) => `${record} ${field} ${code}`);
    t.same(errors, ['2 id duplicate', '4 role enum', '6 email duplicate'], `${chunkRecords} records a chunk`);
    const rows = await app.sql`SELECT email FROM users ORDER BY id`;
    t.same(
      rows.map(({ email }) => email),
      ['x@example.com', 'Y@Example.com', 'Z@example.com'],
    );
  }
});

t.test('a record is not loaded in place of an earlier one whose chunk failed', async (t) => {
  const app = await fresh(1);
  await app.sql.unsafe(`
    CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      IF NEW.name = 'first' THEN PERFORM pg_sleep(0.2); RAISE EXCEPTION 'out of order' USING ERRCODE = 'XX000'; END IF;
      RETURN NEW; END $$;
    CREATE TRIGGER fail BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION fail()`);
  t.after(async () => await app.sql`DROP FUNCTION fail CASCADE`);
  const content = ndjson(user(1, { name: 'first' }), user(1, { name: 'second' }));
  const job = await importFile(app, { resource: 'users', name: 'users.ndjson', content });
  t.match(job, { status: 'failed', failure: { code: 'database_error' }, processed: 0 });
  t.same(await app.sql`SELECT name FROM users`, []);
});

t.test('a reference to nothing is a row error of its record alone', async (t) => {
  const app = await fresh(100);
  await importFile(app, { resource: 'users', name: 'u.ndjson', content: ndjson(user(1)) });
  const article = (n: number, author: number) => ({
    id: id(n),
    slug: `s-${n}`,
    title: 'T',
    body: 'B',
    author_id: id(author),
  });
  const content = ndjson(article(1, 1), article(2, 9), { ...article(3, 1), slug: 's-2' }, article(4, 1));
  const job = await importFile(app, { resource: 'articles', name: 'a.ndjson', content });
  t.match(job, { status: 'completed', successful: 3, failed: 1 }, 'and its slug is free for another');
  t.same(job.errors, [
    {
      line: 2,
      record: 2,
      field: 'author_id',
      code: 'reference',
      message: 'referenced user does not exist',
      value: id(9),
    },
  ]);
});

t.test('a record that only the database refuses is a row error with its line; its neighbours load', async (t) => {
  const rules: [what: string, ddl: string, undo: string, message: string][] = [
    [
      'a CHECK',
      "ALTER TABLE users ADD CONSTRAINT no_seven CHECK (name <> 'User 7')",
      'ALTER TABLE users DROP CONSTRAINT no_seven',
      'violates no_seven',
    ],
    [
      'a unique index it does not know',
      'CREATE UNIQUE INDEX one_name ON users (left(name, 6))',
      'DROP INDEX one_name',
      'violates one_name',
    ],
    [
      'a trigger',
      `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
         IF NEW.name = 'User 7' THEN RAISE EXCEPTION 'seven is refused' USING ERRCODE = '23514'; END IF; RETURN NEW; END $$;
       CREATE TRIGGER refuse BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION refuse()`,
      'DROP FUNCTION refuse CASCADE',
      'violates seven is refused',
    ],
    [
      'an assertion of a trigger',
      `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
         ASSERT NEW.name <> 'User 7', 'seven is refused'; RETURN NEW; END $$;
       CREATE TRIGGER refuse BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION refuse()`,
      'DROP FUNCTION refuse CASCADE',
      'seven is refused',
    ],
    [
      'what a full-text index can hold',
      `CREATE FUNCTION words(text) RETURNS tsvector LANGUAGE sql IMMUTABLE AS $$ SELECT to_tsvector('simple', string_agg(md5(n::text), ' '))
         FROM generate_series(1, CASE $1 WHEN 'User 7' THEN 40000 ELSE 1 END) n $$;
       CREATE INDEX ON users (words(name))`,
      'DROP FUNCTION words CASCADE',
      'tsvector',
    ],
    [
      'the range of a type',
      'ALTER TABLE users ALTER name TYPE varchar(7)',
      'ALTER TABLE users ALTER name TYPE text',
      'value too long',
    ],
    [
      'a deferred constraint',
      'ALTER TABLE users ADD CONSTRAINT later UNIQUE (name) DEFERRABLE INITIALLY DEFERRED',
      'ALTER TABLE users DROP CONSTRAINT later',
      'violates later',
    ],
  ];
  for (const [what, ddl, undo, message] of rules) {
    await t.test(what, async (t) => {
      const app = await fresh(100);
      await app.sql.unsafe(ddl);
      t.after(async () => await app.sql.unsafe(undo));
      const records = [1, 2, 3, 7, 4, 5].map((n) => user(n));
      if (what.startsWith('the range')) records[3] = user(7, { name: 'User 777' });
      if (what === 'a deferred constraint') records[3] = user(7, { name: 'User 3' });
      if (what.startsWith('a unique')) records[3] = user(7, { name: 'User 3 again' });
      const job = await importFile(app, { resource: 'users', name: 'users.ndjson', content: ndjson(...records) });
      t.match(job, { status: 'completed', total_records: 6, successful: 5, failed: 1 });
      t.match(job.errors, [{ line: 4, record: 4, code: 'constraint', message }]);
      t.equal((await app.sql`SELECT FROM users`).length, 5);
    });
  }
});

t.test('lines are those of the file: quoted breaks, CRLF, blank lines, a BOM, every chunk border', async (t) => {
  const lines = [
    `\ufeff${csvHeader}`,
    csvUser(1),
    csvUser(2, '"two\nlines"'),
    csvUser(3, '"three\r\nmore\r\nlines"'),
    '',
    csvUser(4, ''),
    `${csvUser(5, '')}\r`,
    '\r',
    csvUser(6),
    csvUser(7, '"a ""quoted"" name"'),
    'short,record',
    csvUser(8, '   '),
  ];
  const expected = [
    { line: 9, record: 4, field: 'name', message: 'name is required' },
    { line: 10, record: 5, field: 'name', message: 'name is required' },
    { line: 14, record: 8, field: 'csv', message: 'expected 5 columns, found 2' },
    { line: 15, record: 9, field: 'name', message: 'name is required' },
  ];
  for (const chunkRecords of [1, 2, 3, 100]) {
    const app = await fresh(chunkRecords);
    for (const end of ['', '\n', '\r\n']) {
      await app.sql`TRUNCATE users CASCADE`;
      const job = await importFile(app, { resource: 'users', name: 'users.csv', content: lines.join('\n') + end });
      t.same(
        job.errors.map(({ line, record, field, message }) => ({ line, record, field, message })),
        expected,
        `${chunkRecords} records a chunk, ${JSON.stringify(end)} at the end`,
      );
      t.match(job, { total_records: 9, successful: 5, failed: 4 });
    }
  }
});

t.test('a chunk as large as the settings permit takes no more of a thread than a small one', async (t) => {
  const app = await build(t, { IMPORT_BATCH_BYTES: '256MiB', IMPORT_BATCH_SIZE: '1000000', IMPORT_WORKERS: '1' });
  const unknown = Array.from({ length: 600 }, (_, n) => `extra ${n}`);
  const cells = ',"ab"'.repeat(unknown.length);
  const rows = Array.from({ length: 8_000 }, (_, n) => `${csvUser(n)}${cells}\n`);
  const content = gzipSync(`${csvHeader},${unknown.join(',')}\n${rows.join('')}`, { level: 1 });
  const job = await importFile(app, { resource: 'users', name: 'users.csv.gz', content });
  t.match(job, { status: 'completed', successful: rows.length, failed: 0 });
  t.equal((await app.sql`SELECT FROM bulk.chunks`).length, 1);
});

t.test('an empty file', async (t) => {
  const app = await fresh(100);
  const outcome = async (name: string, content: string | Uint8Array) => {
    const { status, total_records, failure } = await importFile(app, { resource: 'users', name, content });
    return [status, total_records, failure?.code];
  };
  t.same(await outcome('a.csv', csv()), ['completed', 0, undefined], 'a header alone has no records');
  t.same(await outcome('a.ndjson', ''), ['completed', 0, undefined]);
  t.same(await outcome('a.ndjson', '\n\n'), ['completed', 0, undefined]);
  t.same(await outcome('a.json', '[]'), ['completed', 0, undefined]);
  t.same(await outcome('a.json', ' [ ] \n'), ['completed', 0, undefined]);
  t.match(await outcome('a.csv', ''), ['failed', null, String]);
  t.match(await outcome('a.json', ''), ['failed', null, String]);
  t.same(await outcome('a.ndjson.gz', gzipSync('')), ['completed', 0, undefined]);
});

t.test('a file that cannot be read on: what came before is loaded, the rest is named', async (t) => {
  const app = await fresh(2);
  const cut = `[\n${[1, 2, 3].map((n) => JSON.stringify(user(n))).join(',\n')},\n{"id": "`;
  const job = await importFile(app, { resource: 'users', name: 'users.json', content: cut });
  t.match(job, { status: 'failed', successful: 3, failed: 0, processed: 3, failure: { line: 5 } });
  t.same(job.unprocessed, [{ from_line: 4, to_line: null }]);
  t.equal((await app.sql`SELECT FROM users`).length, 3);

  const damaged = gzipSync(Buffer.from(ndjson(...Array.from({ length: 400 }, (_, n) => user(n + 10)))));
  const half = await importFile(app, {
    resource: 'users',
    name: 'users.ndjson.gz',
    content: damaged.subarray(0, damaged.length / 2),
  });
  t.match(half, { status: 'failed', failure: { code: 'damaged_gzip' }, failed: 0 });
  t.equal((await app.sql`SELECT FROM users`).length, 3 + half.successful);
  t.ok(half.successful > 0);
});

t.test('missing columns fail the job at once, by name', async (t) => {
  const app = await fresh(100);
  const content = `id,name\n${id(1)},One\n`;
  const job = await importFile(app, { resource: 'users', name: 'users.csv', content });
  t.match(job, {
    status: 'failed',
    processed: 0,
    failure: { code: 'missing_columns', detail: /email.*role.*created_at/ },
  });
});

t.test('what was given is kept: times, blanks, case; what was not gets its default', async (t) => {
  const app = await fresh(100);
  const content = ndjson(
    user(1, {
      name: '  two blanks ',
      updated_at: '2024-05-05T05:05:05.123456+02:00',
      active: false,
      email: 'Mixed@Example.com',
    }),
    user(2, { id: id(2).toUpperCase() }),
  );
  await importFile(app, { resource: 'users', name: 'users.ndjson', content });
  const rows = await app.sql`SELECT *, updated_at::text AS updated FROM users ORDER BY id`;
  t.match(rows[0], {
    name: '  two blanks ',
    active: false,
    email: 'Mixed@Example.com',
    updated: '2024-05-05 03:05:05.123456+00',
  });
  t.match(rows[1], { id: id(2), active: true, updated: '2024-01-01 00:00:00+00' });
});

t.test('past MAX_ROW_ERRORS, past MAX_UNPACKED_SIZE: failed, with counters that are right', async (t) => {
  const app = await build(t, { MAX_ROW_ERRORS: '50', IMPORT_BATCH_SIZE: '20', MAX_UNPACKED_SIZE: '20000' });
  const bad = ndjson(...Array.from({ length: 200 }, (_, n) => ({ id: id(n) })));
  const errors = await importFile(app, { resource: 'users', name: 'bad.ndjson', content: bad });
  t.match(errors, { status: 'failed', failure: { code: 'too_many_errors' }, successful: 0 });
  t.equal(errors.error_count, errors.failed * 4);
  t.ok(errors.error_count > 50);
  for (const name of ['few.ndjson', 'few.json.gz']) {
    const few = Array.from({ length: 20 }, (_, n) => ({ id: id(n) }));
    const content = name.endsWith('.gz')
      ? gzipSync(`[${few.map((record) => JSON.stringify(record)).join()}]\n`)
      : `${ndjson(...few)}\n`;
    const read = await importFile(app, { resource: 'users', name, content });
    t.match(read, { status: 'failed', failure: { code: 'too_many_errors' }, total_records: 20, failed: 20 });
    t.same(read.unprocessed, [], 'the file was read to its end');
  }
  const bomb = gzipSync(ndjson(...Array.from({ length: 1000 }, (_, n) => user(n))));
  const large = await importFile(app, { resource: 'users', name: 'large.ndjson.gz', content: bomb });
  t.match(large, { status: 'failed', failure: { code: 'file_too_large' }, failed: 0 });
  t.equal((await app.sql`SELECT FROM users`).length, large.successful);
});

t.test('jobs that fail while their pipeline is full leave it to the next ones', async (t) => {
  const settings = { IMPORT_WORKERS: '1', IMPORT_CONNECTIONS: '1', IMPORT_BATCH_SIZE: '2', MAX_ROW_ERRORS: '5' };
  const app = await build(t, settings);
  const bad = ndjson(...Array.from({ length: 40 }, (_, n) => ({ id: id(n) })));
  // More of them than there are chunks in flight.
  for (let n = 0; n < 6; n++) {
    const job = await importFile(app, { resource: 'users', name: 'bad.ndjson', content: bad });
    t.match(job, { status: 'failed', failure: { code: 'too_many_errors' } });
  }
  const good = ndjson(...Array.from({ length: 40 }, (_, n) => user(n)));
  const job = await importFile(app, { resource: 'users', name: 'good.ndjson', content: good });
  t.match(job, { status: 'completed', successful: 40 });
});

t.end();
