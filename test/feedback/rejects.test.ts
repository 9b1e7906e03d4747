// The rejected records back: as they were sent, to be mended and posted again; and what is wrong with a file, in groups.
import { readdir, readlink, rm, truncate } from 'node:fs/promises';
import { get } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { gunzipSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import type { FastifyInstance } from 'fastify';
import t from 'tap';
import { build } from '../build.ts';
import { importFile, listen } from '../client.ts';
import { id } from '../numbered.ts';

const header = 'id,email,name,role,created_at';
const time = '2024-01-01T00:00:00Z';
const csv = (n: number, name = 'U', role = 'viewer') => `${id(n)},u${n}@example.com,${name},${role},${time}`;
const json = (n: number, role = 'viewer', more = '') =>
  `{"id":"${id(n)}","email":"u${n}@example.com","name":"U","role":"${role}","created_at":"${time}"${more}}`;

async function rejectsOf(app: FastifyInstance, jobId: string, query = '', headers: Record<string, string> = {}) {
  return await app.inject({ url: `/v1/imports/${jobId}/rejects${query}`, headers });
}

/** Row errors without what another place in a file changes. */
async function errorsOf(app: FastifyInstance, jobId: string) {
  const { errors } = (await app.inject(`/v1/imports/${jobId}/errors`)).json();
  return (errors as { record: number; field?: string; code: string }[]).map(({ record, field, code }) => ({
    record,
    field,
    code,
  }));
}

/** A record as it stands in a file, and whether it is in order. */
interface Written {
  text: string;
  good: boolean;
}

/** Numbers are given out anew each time a file is written: no two records have an id in common. */
let last = 0;
const kinds: Record<'csv' | 'ndjson' | 'json', ((n: number) => Written)[]> = {
  csv: [
    (n) => ({ text: csv(n), good: true }),
    (n) => ({ text: csv(n, '"A ""quoted"", and\nbroken\r\nname"'), good: true }),
    (n) => ({ text: csv(n, 'Ü', 'king'), good: false }),
    (n) => ({ text: csv(n, '"broken\n\nline, and "" a quote"', 'king'), good: false }),
    (n) => ({ text: csv(n).replace(/,[^,]*$/, ''), good: false }),
    (n) => ({ text: `${csv(n)},one more`, good: false }),
    (n) => ({ text: csv(n, '"a"b'), good: false }),
    (n) => ({ text: csv(n).replace('@', ' '), good: false }),
    () => ({ text: ' ', good: false }),
  ],
  ndjson: [
    (n) => ({ text: json(n), good: true }),
    (n) => ({ text: json(n, 'king', ' '), good: false }),
    (n) => ({ text: `${json(n, 'king')} \t`, good: false }),
    () => ({ text: '{}', good: false }),
    () => ({ text: '{ }', good: false }),
    (n) => ({ text: `${json(n)},`, good: false }),
    () => ({ text: '[{"id":1}]', good: false }),
    () => ({ text: 'ö{', good: false }),
  ],
  json: [
    (n) => ({ text: json(n), good: true }),
    (n) => ({ text: json(n, 'king').replaceAll(',', ',\r\n  '), good: false }),
    (n) => ({ text: json(n, 'king', ',"x":"}],{\\""'), good: false }),
    () => ({ text: '{\n}', good: false }),
    () => ({ text: '[1, {"a": []}]', good: false }),
    () => ({ text: '"text"', good: false }),
    () => ({ text: '-1', good: false }),
    () => ({ text: '{"a" 1}', good: false }),
  ],
};

/** Each breaks five rules at most. */
const maxRecords = 40;
const formats = ['csv', 'ndjson', 'json'] as const;
const anyFile = fc.record({
  format: fc.constantFrom(...formats),
  records: fc.array(
    fc.record({
      kind: fc.nat(8),
      lineBreak: fc.constantFrom('\n', '\r\n'),
      blank: fc.constantFrom('', '', '\n', '\r\n'),
    }),
    { minLength: 1, maxLength: maxRecords },
  ),
  mark: fc.constantFrom('', '\ufeff'),
  headBreak: fc.constantFrom('\n', '\r\n'),
  lastBreak: fc.boolean(),
  gzip: fc.boolean(),
});

const app = await build(t, { IMPORT_BATCH_SIZE: '7', MAX_ROW_ERRORS: String(5 * maxRecords) });

t.test('accepted rows and rejected records are the file, and rejects import like any file', async (t) => {
  const property = fc.asyncProperty(anyFile, async ({ format, records, mark, headBreak, lastBreak, gzip }) => {
    const written = records.map(({ kind }) => {
      const ofFormat = kinds[format];
      return (ofFormat[kind % ofFormat.length] as (n: number) => Written)(++last);
    });
    const breaks = records.map(({ lineBreak }, n) => (n === records.length - 1 && !lastBreak ? '' : lineBreak));
    const body = written.map(({ text }, n) => {
      if (format === 'json') return `${records[n]!.blank} ${text}${n < written.length - 1 ? ',' : ''}${breaks[n]}`;
      return `${records[n]!.blank}${format === 'ndjson' ? ' \t' : ''}${text}${breaks[n]}`;
    });
    const head = { csv: `${header}${headBreak}`, ndjson: '', json: '[' }[format];
    const content = Buffer.from(`${mark}${head}${body.join('')}${format === 'json' ? ']' : ''}`);
    const name = `u.${format}`;
    const job = await importFile(app, {
      resource: 'users',
      name: gzip ? `${name}.gz` : name,
      content: gzip ? gzipSync(content) : content,
    });
    t.equal(job.status, 'completed');
    const good = written.filter(({ good }) => good).length;
    t.same([job.successful, job.failed], [good, written.length - good], content.toString());

    const bad = written.flatMap(({ text, good }, n) => (good ? [] : [{ text, lineBreak: breaks[n]! }]));
    const lines = bad.map(({ text, lineBreak }) => text + lineBreak).join('');
    const elements = bad.map(({ text }) => `\n${text}`).join(',');
    const expected = {
      csv: `${mark}${head}${lines}`,
      ndjson: `${mark}${lines}`,
      json: `${mark}[${elements}${bad.length > 0 ? '\n' : ''}]\n`,
    }[format];
    const plain = await rejectsOf(app, job.job_id);
    t.equal(plain.statusCode, 200);
    t.ok(plain.rawPayload.equals(Buffer.from(expected)), `${plain.body}\n---\n${expected}`);

    // Each by itself is rejected as before, whatever the reasons behind it are.
    const annotated = await rejectsOf(app, job.job_id, '?with=errors');
    const [again, mended] = await Promise.all([
      importFile(app, { resource: 'users', name, content: annotated.rawPayload }),
      importFile(app, { resource: 'users', name, content: annotated.body.replaceAll('king', 'admin') }),
    ]);
    t.same([again.successful, again.failed], [0, bad.length], annotated.body);
    const numbers = new Map<number, number>();
    const renumbered = (await errorsOf(app, job.job_id)).map((error) => {
      if (!numbers.has(error.record)) numbers.set(error.record, numbers.size + 1);
      return { ...error, record: numbers.get(error.record) };
    });
    t.same(await errorsOf(app, again.job_id), renumbered);

    const kings = annotated.body.split('king').length - 1;
    t.same([mended.successful, mended.failed], [kings, bad.length - kings], 'what was mended is loaded');
  });
  await fc.assert(property, { numRuns: 10 });
});

t.test('rejected records', async (t) => {
  await t.test('come with their reasons, where there is a place for them', async (t) => {
    const of = async (name: string, content: string) => {
      const { job_id } = await importFile(app, { resource: 'users', name, content });
      return await rejectsOf(app, job_id, '?with=errors');
    };
    const asCsv = await of('u.csv', `${header}\r\n${csv(++last, 'U', 'king').replace('@', ' ')}\r\n"a"b,c\r\n`);
    t.equal(
      asCsv.body,
      [
        `${header},errors\r\n`,
        `${csv(last, 'U', 'king').replace('@', ' ')},"email: invalid email format; role: invalid role, must be one of: admin, editor, viewer"\r\n`,
        `"a"b,c,"csv: unexpected character after a closing quote"\r\n`,
      ].join(''),
    );
    t.match(asCsv.headers['content-type'], /^text\/csv/);
    const semicolons = await of(
      'u.csv',
      `${header.replaceAll(',', ';')}\n${csv(++last, 'U', 'king').replaceAll(',', ';')}`,
    );
    t.match(semicolons.body, /;created_at;errors\n.*Z;"role: invalid/);
    const asJson = await of('u.json', `[${json(++last, 'king')}, {"id": "x" }, 5]`);
    const [king, x, five] = asJson.json();
    t.same(king.errors, [
      { field: 'role', code: 'enum', message: 'invalid role, must be one of: admin, editor, viewer' },
    ]);
    t.ok(x.errors.length === 5 && five === 5);
    t.equal((await of('u.ndjson', `{}\nnot json\n`)).body.replace(/\[.*\]/, '[]'), '{"errors":[]}\nnot json\n');
  });

  await t.test('have the name of their file', async (t) => {
    const named = async (name: string) => {
      const { job_id } = await importFile(app, { resource: 'users', name, content: gzipSync('{}\n') });
      const { headers } = await rejectsOf(app, job_id);
      const head = await app.inject({ method: 'HEAD', url: `/v1/imports/${job_id}/rejects` });
      for (const header of ['content-type', 'content-disposition'])
        t.equal(head.headers[header], headers[header], `${header} of a HEAD`);
      return headers['content-disposition'];
    };
    t.equal(await named('users.ndjson.gz'), 'attachment; filename=rejected_users.ndjson');
    t.equal(await named('Users.JSON.gz'), 'attachment; filename=rejected_Users.ndjson', 'it starts with an object');
    t.match(
      await named('ü "x".ndjson.gz'),
      /^attachment; filename="rejected_\? \\"x\\".ndjson"; filename\*=UTF-8''rejected_%C3%BC%20%22x%22\.ndjson$/,
    );
    const long = await named(`${'long_'.repeat(30)}2024-01-31.ndjson.gz`);
    t.match(long, /^attachment; filename="rejected_(long_){16}\?024-01-31\.ndjson";/);
    t.notMatch(await named('../a/b.ndjson.gz'), /\//);
  });

  await t.test('whose quote is open come last, so that none of them swallows another', async (t) => {
    const [open, other] = [`${id(++last)},"open,and so on`, `${id(++last)},"open`];
    const inches = csv(++last, '12"', 'king');
    const rejectsOfRecords = async (...records: string[]) => {
      const { job_id, successful, failed } = await importFile(app, {
        ...{ resource: 'users', name: 'u.csv' },
        content: [header, ...records].join('\n'),
      });
      return { records: successful + failed, file: (await rejectsOf(app, job_id)).body };
    };
    // What follows in the upload keeps each from going on.
    const stray = ['"a"b', csv(++last, '"V"')];
    const { records, file } = await rejectsOfRecords(open, ...stray, inches, 'a,b\r', other);
    t.equal(records, 6);
    t.equal(file, [header, '"a"b', inches, 'a,b\r', open, other].join('\n'));
    t.same(await rejectsOfRecords(...file.split('\n').slice(1)), { records: 5, file }, 'again, unmended');
    t.equal((await rejectsOfRecords(open, inches)).records, 1, 'which in another order they would not be');
    // The last line had no break, and is not the last any more.
    t.equal((await rejectsOfRecords(open, '"a"b')).file, `${header}\n"a"b\n${open}\n`);
    t.equal((await rejectsOfRecords(open)).file, `${header}\n${open}`);
  });

  await t.test('of any length, packed or not', async (t) => {
    const long = `${csv(++last, 'x'.repeat(9 * 2 ** 20))}\r\n`;
    const content = `${header}\n${csv(++last)}\n${long}${csv(++last)}\n${csv(++last, 'U', 'king')}\n`;
    for (const [name, bytes] of [
      ['u.csv', Buffer.from(content)],
      ['u.csv.gz', gzipSync(content.replaceAll('-8000-', '-8001-').replaceAll('@', '+@'))],
    ] as const) {
      const { job_id, failed } = await importFile(app, { resource: 'users', name, content: bytes });
      t.equal(failed, 2);
      const { body } = await rejectsOf(app, job_id);
      const unpacked = (name.endsWith('gz') ? gunzipSync(bytes) : bytes).toString().split('\n');
      t.ok(body === `${[unpacked[0], unpacked[2], unpacked[4]].join('\n')}\n`);
      if (!name.endsWith('.gz')) continue;
      const packed = await rejectsOf(app, job_id, '', { 'accept-encoding': 'gzip' });
      t.equal(packed.headers['content-encoding'], 'gzip');
      t.ok(gunzipSync(packed.rawPayload).toString() === body);
      t.match(
        (await rejectsOf(app, job_id, '?with=errors')).body,
        /xx,viewer,[^\n]*Z,"csv: record must be at most 8 MiB"\r\n/,
      );
    }
  });

  await t.test('packed where they are wanted so, whatever they begin like', async (t) => {
    // The bytes of a zlib header (RFC 1950): a number, one in which a text could begin, and those of most files.
    for (const content of ['80', 'hb', 'x\x01', '{}']) {
      const { job_id } = await importFile(app, { resource: 'users', name: 'u.ndjson', content });
      const packed = await rejectsOf(app, job_id, '', { 'accept-encoding': 'deflate, gzip;q=0.5' });
      t.match(packed.headers, { 'content-encoding': 'gzip', vary: 'accept-encoding' });
      t.equal(gunzipSync(packed.rawPayload).toString(), content);
      for (const accepted of ['gzip;q=0, *', 'br', 'identity, gzip;q=0.5']) {
        const plain = await rejectsOf(app, job_id, '', { 'accept-encoding': accepted });
        t.same([plain.headers['content-encoding'], plain.body], [undefined, content], accepted);
      }
    }
  });

  await t.test('of a job that failed, and of one that is still running', async (t) => {
    const bad = (n: number) => json(n, 'king');
    const broken = await importFile(app, {
      ...{ resource: 'users', name: 'u.json' },
      content: `[${bad(1)}, ${json(++last)}, ${bad(2)}, ${bad(3)} ${bad(4)}]`,
    });
    t.match(broken, { status: 'failed', failed: 3 });
    t.equal((await rejectsOf(app, broken.job_id)).json().length, 3);
    const lines = `${Array.from({ length: 250 }, (_, n) => bad(n)).join('\n')}\n`;
    const full = await importFile(app, { resource: 'users', name: 'u.ndjson', content: lines });
    t.match(full, { status: 'failed', failure: { code: 'too_many_errors' } });
    t.equal((await rejectsOf(app, full.job_id)).body.split('\n').length - 1, full.failed);

    const some = lines.split('\n').slice(0, 50).join('\n');
    const { job_id } = await importFile(app, { resource: 'users', name: 'u.ndjson', content: some });
    await app.sql`UPDATE bulk.jobs SET status = 'processing' WHERE id = ${job_id}`;
    await app.sql`DELETE FROM bulk.chunks WHERE job_id = ${job_id} AND chunk = 2`;
    t.equal((await rejectsOf(app, job_id)).body.split('\n').length - 1, 14, 'up to the first gap');
    await app.sql`UPDATE bulk.jobs SET status = 'completed' WHERE id = ${job_id}`;
  });

  await t.test('are refused by name when they cannot be had', async (t) => {
    const file = { resource: 'users', name: 'u.csv' };
    const headless = await importFile(app, { ...file, content: 'id,email\n1,2\n' });
    t.match((await rejectsOf(app, headless.job_id)).json(), {
      status: 409,
      code: 'file_unreadable',
      detail: /name, role/,
    });
    t.equal((await app.inject({ method: 'HEAD', url: `/v1/imports/${headless.job_id}/rejects` })).statusCode, 409);
    for (const gone of ['forgotten', 'deleted', 'cut']) {
      const { job_id } = await importFile(app, { ...file, content: `${header}\n1,2\n` });
      const [job] = await app.sql<[{ file: string }]>`SELECT file FROM bulk.jobs WHERE id = ${job_id}`;
      const path = app.storage.uploads.path(job.file);
      if (gone === 'deleted') await rm(path);
      else if (gone === 'cut') await truncate(path, 30);
      else await app.sql`UPDATE bulk.jobs SET file = NULL WHERE id = ${job_id}`;
      t.match((await rejectsOf(app, job_id)).json(), { status: 410, code: 'upload_gone', detail: /errors/ });
    }
    t.match((await rejectsOf(app, id(1))).json(), { status: 404, code: 'job_not_found' });
    t.match((await rejectsOf(app, headless.job_id, '?with=love')).json(), { status: 400, code: 'invalid_parameter' });
    const none = await importFile(app, { ...file, content: `${header}\n${csv(++last)}\n` });
    t.equal((await rejectsOf(app, none.job_id)).body, `${header}\n`);
    const nothing = await importFile(app, { ...file, name: 'u.ndjson', content: '' });
    t.equal((await rejectsOf(app, nothing.job_id)).body, '');
    const head = await app.inject({ method: 'HEAD', url: `/v1/imports/${none.job_id}/rejects` });
    t.match(head, { statusCode: 200, body: '', headers: { 'content-type': /^text\/csv/ } });
  });

  await t.test('leave nothing open when their client leaves', async (t) => {
    const content = `${header}\n${`${csv(1, 'x'.repeat(500_000), 'king')}\n`.repeat(25)}`;
    const { job_id } = await importFile(app, { resource: 'users', name: 'u.csv', content });
    const origin = await listen(app);
    const [{ file }] = await app.sql<[{ file: string }]>`SELECT file FROM bulk.jobs WHERE id = ${job_id}`;
    const openFiles = async () => {
      const open = await readdir('/proc/self/fd').catch(() => []);
      const names = await Promise.all(open.map(async (fd) => await readlink(`/proc/self/fd/${fd}`).catch(() => '')));
      return names.filter((name) => name.includes(file)).length;
    };
    const copies = async () => {
      const [{ count }] = await app.sql<[{ count: number }]>`
        SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'active' AND query LIKE 'COPY%'`;
      return count;
    };
    for (let times = 0; times < 8; times++) {
      await new Promise<void>((resolve) => {
        const request = get(new URL(`/v1/imports/${job_id}/rejects?with=errors`, origin), (response) => {
          response.once('data', () => {
            request.destroy();
            resolve();
          });
          response.on('error', () => {});
        });
        request.on('error', () => {});
      });
    }
    // More than there are connections for streams: they are all free again.
    while ((await openFiles()) > 0 || (await copies()) > 0) await pause(10);
    t.equal((await rejectsOf(app, job_id)).statusCode, 200);
  });

  await t.test('are summed up by what is wrong with them', async (t) => {
    const groupsOf = async (content: string, name = 'u.csv') => {
      const { job_id } = await importFile(app, { resource: 'users', name, content });
      return (await app.inject(`/v1/imports/${job_id}/errors/groups`)).json();
    };
    const rows = [
      csv(1_000_001),
      ...Array.from({ length: 7 }, (_, n) => csv(10 + n, 'U', `king${n}`)),
      'a,b',
      'a,b,c',
      csv(1_000_001),
    ];
    const { error_count, groups, truncated } = await groupsOf(`${header}\n${rows.join('\n')}\n`);
    t.same([error_count, truncated], [11, false]);
    t.same(groups, [
      {
        ...{ field: 'role', code: 'enum', message: 'invalid role, must be one of: admin, editor, viewer', count: 7 },
        examples: [0, 1, 2, 3, 4].map((n) => ({ line: 3 + n, record: 2 + n, value: `king${n}` })),
      },
      {
        ...{ field: 'csv', code: 'csv', message: 'expected 5 columns', count: 2 },
        examples: [
          { line: 10, record: 9, value: 'a,b' },
          { line: 11, record: 10, value: 'a,b,c' },
        ],
      },
      {
        ...{ field: 'email', code: 'duplicate', message: 'duplicate email', count: 1 },
        examples: [{ line: 12, record: 11, value: 'u1000001@example.com' }],
      },
      {
        ...{ field: 'id', code: 'duplicate', message: 'duplicate id', count: 1 },
        examples: [{ line: 12, record: 11, value: id(1_000_001) }],
      },
    ]);
    const broken = Array.from({ length: 50 }, (_, n) => `${'['.repeat(n + 1)}x`).join('\n');
    t.match((await groupsOf(broken, 'u.ndjson')).groups, [{ field: 'json', code: 'json', count: 50 }]);

    const { job_id } = await importFile(app, { resource: 'users', name: 'u.ndjson', content: '{}\n' });
    await app.sql`INSERT INTO bulk.row_errors (job_id, record, n, line, field, code, message)
    SELECT ${job_id}, n, 9, n, NULL, 'constraint', 'violates c' || n % 300 FROM generate_series(1, 1000) n`;
    const many = (await app.inject(`/v1/imports/${job_id}/errors/groups`)).json();
    t.match(many, { truncated: true, groups: [{ field: null, count: 4 }] });
    t.equal(many.groups.length, 200);
    const none = await importFile(app, { resource: 'users', name: 'u.csv', content: `${header}\n${csv(1_000_099)}\n` });
    t.match((await app.inject(`/v1/imports/${none.job_id}/errors/groups`)).json(), { error_count: 0, groups: [] });
  });
});

// What the app has open would keep the file from ending.
t.end();
