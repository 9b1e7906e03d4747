// From what a client asks for to the rows it gets: parse-selection, parse-filters and build-query, against PostgreSQL.
import { text } from 'node:stream/consumers';
import fc from 'fast-check';
import papa from 'papaparse';
import t, { type Test } from 'tap';
import { arrayLiteral } from '../../db/array-literal.ts';
import { openPool, type Sql } from '../../db/client.ts';
import { copyOut } from '../../db/copy.ts';
import { buildQuery, quoteLiteral } from '../../src/export/build-query.ts';
import { encodeRows, frameRows } from '../../src/export/encode-rows.ts';
import { parseSelection, type ReceivedRequest, splitQuery } from '../../src/export/parse-selection.ts';
import type { Format } from '../../src/resources/formats.ts';
import { defineResource } from '../../src/resources/resource.ts';
import { createDatabase } from '../databases.ts';

const samples = defineResource({
  name: 'samples',
  singular: 'sample',
  fields: {
    id: { type: 'uuid' },
    email: { type: 'email', maxLength: 255 },
    slug: { type: 'slug', maxLength: 255 },
    note: { type: 'text', default: null },
    role: { type: 'enum', values: ['admin', 'editor', 'viewer'] },
    active: { type: 'boolean', default: true },
    at: { type: 'timestamp', default: null },
    tags: { type: 'text[]', default: [] },
  },
  keys: ['id', 'email'],
});
const resources = new Map([[samples.name, samples]]);
const uuid = (n: number) => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`;

async function openSamples(t: Test): Promise<Sql> {
  const sql = openPool(await createDatabase(t), { max: 2, name: 'test' });
  t.teardown(async () => await sql.end());
  await sql`CREATE TABLE samples (id uuid PRIMARY KEY, email text COLLATE "C", slug text COLLATE "C", note text, role text,
    active boolean, at timestamptz, tags text[])`;
  await sql`CREATE UNIQUE INDEX samples_email ON samples (lower(email))`;
  return sql;
}

async function fill(sql: Sql): Promise<void> {
  await sql`INSERT INTO samples
    SELECT ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid, 'User' || n || '@Example.com', 'slug-' || n,
      CASE WHEN n % 2 = 0 THEN 'it''s ' || n END, (ARRAY['admin', 'editor', 'viewer'])[1 + n % 3], n > 3,
      CASE WHEN n < 6 THEN timestamptz '2024-01-01Z' + n * interval '1 day' END, ARRAY['a', n::text]
    FROM generate_series(1, 6) n`;
}

const query = (string: string): ReceivedRequest => {
  const parsed = Object.create(null);
  for (const [name, value] of new URLSearchParams(`resource=samples&${string}`)) {
    parsed[name] = name in parsed ? [parsed[name], value].flat() : value;
  }
  return splitQuery(parsed);
};
const body = (filters: object, rest: object = {}): ReceivedRequest => ({
  resource: 'samples',
  ...rest,
  filters: Object.entries(filters),
});

t.test('filters, sort, limit and fields select the rows that were asked for', async (t) => {
  const sql = await openSamples(t);
  await fill(sql);
  const numbers = async (received: ReceivedRequest) => {
    const { resource, selection } = parseSelection(resources, received);
    const rows = await sql.unsafe<{ id: string }[]>(buildQuery(resource, selection));
    const found = rows.map((row) => Number(row.id.slice(-3)));
    return selection.sort ? found : found.sort();
  };
  const cases: [string, ReceivedRequest, number[]][] = [
    ['everything', query(''), [1, 2, 3, 4, 5, 6]],
    ['uuid', query(`id=${uuid(2)}`), [2]],
    ['uuid in upper case', query(`id=${uuid(2).toUpperCase()}`), [2]],
    ['uuid order', query(`id[gt]=${uuid(2)}&id[lte]=${uuid(4)}`), [3, 4]],
    ['email without regard to case', query('email=uSER3@eXAMPLE.COM'), [3]],
    ['email in a list', query('email[in]=user3@example.com,USER4@example.com'), [3, 4]],
    ['slug', query('slug=slug-5'), [5]],
    ['slug order', query('slug[gte]=slug-5'), [5, 6]],
    ['text with a quote', query("note=it's 4"), [4]],
    ['enum', query('role=admin'), [3, 6]],
    ['enum in a list', query('role[in]=admin,editor'), [1, 3, 4, 6]],
    ['boolean', query('active=false'), [1, 2, 3]],
    ['boolean in a body', body({ active: true }), [4, 5, 6]],
    ['boolean in a list', query('active[in]=true,false'), [1, 2, 3, 4, 5, 6]],
    ['timestamp', query('at=2024-01-03T00:00:00Z'), [2]],
    ['timestamp with an offset', query('at=2024-01-03T02:30:00%2B02:30'), [2]],
    ['timestamp range', query('at[gte]=2024-01-03T00:00:00Z&at[lt]=2024-01-05T00:00:00Z'), [2, 3]],
    ['timestamp, exclusive', query('at[gt]=2024-01-03T00:00:00Z&at[lte]=2024-01-05T00:00:00Z'), [3, 4]],
    ['a date is its first moment in UTC', query('at[gte]=2024-01-05'), [4, 5]],
    ['array', query('tags=["a","3"]'), [3]],
    ['array in a body', body({ tags: ['a', '3'] }), [3]],
    ['several filters', query('role=admin&active=true'), [6]],
    ['operators in a body', body({ at: { gte: '2024-01-03T00:00:00Z', lt: '2024-01-04T00:00:00Z' } }), [2]],
    ['a list in a body', body({ role: { in: ['admin', 'viewer'] } }), [2, 3, 5, 6]],
    ['the query form in a body', body({ 'at[gte]': '2024-01-06T00:00:00Z' }), [5]],
    ['null in a body', body({ note: null }), [1, 3, 5]],
    ['sort', query('sort=slug'), [1, 2, 3, 4, 5, 6]],
    ['sort, descending', query('sort=-email'), [6, 5, 4, 3, 2, 1]],
    ['sort, ties by primary key', query('sort=role'), [3, 6, 1, 4, 2, 5]],
    ['sort, descending, ties too', query('sort=-role'), [5, 2, 4, 1, 6, 3]],
    ['sort by primary key', query('sort=-id'), [6, 5, 4, 3, 2, 1]],
    ['limit', query('sort=id&limit=2'), [1, 2]],
    ['limit in a body', body({}, { sort: 'id', limit: 3 }), [1, 2, 3]],
  ];
  for (const [name, received, expected] of cases) t.same(await numbers(received), expected, name);

  const { resource, selection } = parseSelection(resources, query('fields=slug,id&sort=id&limit=1'));
  t.same(selection.fields, ['slug', 'id']);
  t.same(Object.keys((await sql.unsafe(buildQuery(resource, selection)))[0]!), ['slug', 'id'], 'fields pick and order');
});

t.test('what cannot be meant is refused, naming the field and what it accepts', async (t) => {
  const refused: [ReceivedRequest | (() => ReceivedRequest), string, RegExp][] = [
    [{ filters: [] }, 'resource_required', /samples/],
    [{ resource: '', filters: [] }, 'resource_required', /samples/],
    [{ resource: 'toString', filters: [] }, 'unknown_resource', /samples/],
    [{ resource: 7, filters: [] }, 'unknown_resource', /'7'/],
    [query('format=xml'), 'unknown_format', /csv, ndjson, json/],
    [query('fields=id,nme'), 'unknown_field', /'nme'.*fields are: id, email/],
    [query('fields='), 'unknown_field', /fields are/],
    [query('fields=id,id'), 'invalid_parameter', /more than once/],
    [body({}, { fields: [] }), 'invalid_parameter', /fields/],
    [body({}, { fields: [1] }), 'invalid_parameter', /fields/],
    [query('sort=-nme'), 'unknown_field', /nme/],
    [query('sort='), 'invalid_parameter', /sort/],
    [query('sort=id;DROP TABLE samples'), 'unknown_field', /sort|field/],
    [query('limit=0'), 'invalid_parameter', /from 1/],
    [query('limit=-1'), 'invalid_parameter', /from 1/],
    [query('limit=1.5'), 'invalid_parameter', /from 1/],
    [query('limit=1e3'), 'invalid_parameter', /from 1/],
    [query('limit=9007199254740993'), 'invalid_parameter', /from 1/],
    [query('page=2'), 'unknown_field', /'page'/],
    [query('constructor=1'), 'unknown_field', /'constructor'/],
    [query('__proto__=1'), 'unknown_field', /'__proto__'/],
    [query('__proto__[gte]=1'), 'unknown_field', /'__proto__'/],
    [body(JSON.parse('{"__proto__": {"eq": 1}}')), 'unknown_field', /'__proto__'/],
    [query('at[=1'), 'unknown_field', /fields are/],
    [query('id=1'), 'invalid_filter', /id must be a UUID; received "1"/],
    [query('id='), 'invalid_filter', /id must be a UUID; received nothing/],
    [query('email=nobody'), 'invalid_filter', /e-mail/],
    [query('email[gte]=a@b.c'), 'invalid_filter', /no order/],
    [query('slug=My Slug'), 'invalid_filter', /slug must be a slug/],
    [query('note='), 'invalid_filter', /not empty/],
    [query('note=a%00b'), 'invalid_filter', /note/],
    [body({ note: 'a\ud800' }), 'invalid_filter', /note/],
    [query('role=boss'), 'invalid_filter', /admin, editor, viewer/],
    [query('role[gte]=admin'), 'invalid_filter', /no order/],
    [query('role[in]=admin,boss'), 'invalid_filter', /role\[in\] must be one of: admin/],
    [query('role[in]='), 'invalid_filter', /received nothing/],
    [body({ role: { in: [] } }), 'invalid_filter', /list/],
    [body({ role: { in: { length: 1 } } }), 'invalid_filter', /list/],
    [body({ role: ['admin', 'editor'] }), 'invalid_filter', /role\[in\]/],
    [body({ role: {} }), 'invalid_filter', /no condition/],
    [body({ role: null }), 'invalid_filter', /admin/],
    [body({ at: { gte: null } }), 'invalid_filter', /RFC 3339/],
    [query('role[like]=a'), 'invalid_filter', /eq, in, gte, gt, lte, lt/],
    [query('role[toString]=a'), 'invalid_filter', /eq, in, gte, gt, lte, lt/],
    [query('active=yes'), 'invalid_filter', /'true' or 'false'/],
    [body({ active: 1 }), 'invalid_filter', /'true' or 'false'/],
    [query('at=yesterday'), 'invalid_filter', /RFC 3339/],
    [query('at=2024-02-30T00:00:00Z'), 'invalid_filter', /RFC 3339/],
    [query('at=2023-02-29'), 'invalid_filter', /RFC 3339/],
    [query('at=0000-01-01T00:00:00Z'), 'invalid_filter', /RFC 3339/],
    [query('at=2024-01-01T00:00:00+02:00'), 'invalid_filter', /%2B/],
    [query('at=2024-01-01T00:00:00%2B16:00'), 'invalid_filter', /RFC 3339/],
    [query('at=2024-01-01T24:00:00Z'), 'invalid_filter', /RFC 3339/],
    [query('at=2024-01-01T00:00:60Z'), 'invalid_filter', /RFC 3339/],
    [query('at=infinity'), 'invalid_filter', /RFC 3339/],
    [query('tags=a'), 'invalid_filter', /JSON array of strings/],
    [query('tags=[1]'), 'invalid_filter', /JSON array of strings/],
    [query('tags[in]=a'), 'invalid_filter', /does not take/],
    [body({ role: 'admin', 'role[eq]': 'admin' }), 'invalid_filter', /more than once/],
    [() => query('role=admin&role=editor'), 'invalid_filter', /more than once/],
    [() => query('sort=id&sort=slug'), 'invalid_parameter', /more than once/],
  ];
  for (const [received, code, detail] of refused) {
    const parse = () => parseSelection(resources, typeof received === 'function' ? received() : received);
    t.throws(parse, { code, message: detail } as unknown as Error, `${code}: ${detail.source}`);
  }
  t.throws(() => query('resource=samples'), { code: 'invalid_parameter' } as unknown as Error, 'resource twice');
});

t.test('no value can be more than a value', async (t) => {
  const sql = await openSamples(t);
  const hostile = fc.string({
    unit: fc.constantFrom(
      "'",
      '"',
      '\\',
      ';',
      '-',
      '$',
      'E',
      '\n',
      '\r',
      '\t',
      '%',
      '{',
      '}',
      ',',
      'é',
      '𝄞',
      '\x01',
      '\x02',
    ),
  });
  const storable = fc.oneof(hostile, fc.string({ unit: 'grapheme' })).filter((value) => !value.includes('\0'));
  for (const setting of ['on', 'off']) {
    await sql.reserve().then(async (session) => {
      await session.unsafe(`SET standard_conforming_strings = ${setting}; SET escape_string_warning = off`);
      await fc.assert(
        fc.asyncProperty(fc.array(storable, { minLength: 1, maxLength: 20 }), async (values) => {
          const [row] = await session.unsafe<{ values: string[] }[]>(
            `SELECT to_jsonb(ARRAY[${values.map(quoteLiteral).join(', ')}]::text[]) AS values`,
          );
          t.same(row?.values, values);
        }),
        { numRuns: 150 },
      );
      session.release();
    });
  }
  t.throws(() => quoteLiteral('a\0b'));

  await fill(sql);
  for (const note of ["' OR true --", "\\' OR true --", "x'); DROP TABLE samples; --", '$1', '\\']) {
    await sql`UPDATE samples SET note = ${note} WHERE id = ${uuid(1)}`;
    const { resource, selection } = parseSelection(resources, body({ note, tags: ['a', '1'] }));
    t.same(
      (await sql.unsafe(buildQuery(resource, selection))).map((row) => row.id),
      [uuid(1)],
      note,
    );
  }
  t.throws(() => buildQuery(samples, { fields: ['id', 'x"; --'], filters: [] }), /no field/);
  t.throws(() => buildQuery(samples, { fields: ['constructor'], filters: [] }), /no field/);
});

t.test('every value arrives as it is stored, in every format', async (t) => {
  const sql = await openSamples(t);
  const notes = [
    "it's",
    '"quoted"',
    'a,b;c\td',
    'line\nbreak',
    'cr\r\nlf',
    ' leading',
    'trailing ',
    '\\.',
    '\\N',
    'back\\slash',
    'é𝄞',
    '\x01\x02\x7f',
    '[',
    '{"a":1}',
    'NULL',
  ];
  const times = [
    '2024-01-01T00:00:00+00:00',
    '2024-06-30T23:59:59.123456+00:00',
    '0001-01-01T00:00:00+00:00',
    '9999-12-31T23:59:59.9+00:00',
    null,
  ];
  const rows = notes.map((note, n) => ({
    ...{
      id: uuid(n),
      email: `user${n}@example.com`,
      slug: `s-${n}`,
      note: n === 3 ? null : note,
      role: 'admin',
      active: n % 2 === 0,
    },
    ...{ at: times[n % times.length]!, tags: n % 3 === 0 ? [] : [note, '', 'b'] },
  }));
  for (const row of rows) {
    await sql`INSERT INTO samples VALUES (${row.id}, ${row.email}, ${row.slug}, ${row.note}, 'admin', ${row.active}, ${row.at}::text::timestamptz, ${arrayLiteral(row.tags)})`;
  }
  const file = async (format: Format, string = 'sort=id', settings = '') => {
    const { resource, selection } = parseSelection(resources, query(string));
    const session = openPool(connectionOf(sql), { max: 1, name: 'test' });
    if (settings) await session.unsafe(settings);
    const bytes = await copyOut(session, encodeRows(resource, selection, format));
    const frame = frameRows(format);
    const content = await text(frame ? bytes.pipe(frame) : bytes);
    await session.end();
    return content;
  };
  const settings = "SET DateStyle = 'German'; SET IntervalStyle = 'sql_standard'; SET bytea_output = 'escape'";
  const lines = await file('ndjson', 'sort=id', settings);
  t.ok(lines.endsWith('}\n'));
  t.same(
    lines
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line)),
    rows,
    'ndjson',
  );
  const array = await file('json', 'sort=id', settings);
  t.same(JSON.parse(array), rows, 'json');
  t.match(array, /^\[\{.*\}\n\]\n$/s);
  const { data, meta } = papa.parse<Record<string, string>>(await file('csv', 'sort=id', settings), {
    header: true,
    newline: '\n',
    skipEmptyLines: true,
  });
  t.same(meta.fields, Object.keys(samples.fields), 'header');
  t.same(
    data.map((row) => ({
      ...row,
      note: row.note || null,
      active: row.active === 'true',
      at: row.at || null,
      tags: JSON.parse(row.tags!),
    })),
    rows,
    'csv',
  );
  t.equal(await file('csv', `fields=slug,id&id=${uuid(99)}`), 'slug,id\n', 'no rows: csv has its header');
  t.equal(await file('ndjson', `id=${uuid(99)}`), '', 'no rows: ndjson is empty');
  t.equal(await file('json', `id=${uuid(99)}`), '[]\n', 'no rows: json is an empty array');
  t.equal(await file('json', `fields=slug&id=${uuid(1)}`), '[{"slug":"s-1"}\n]\n');
});

/** Where a pool is connected to. */
function connectionOf(sql: Sql) {
  const { host, port, user, pass, database } = sql.options as unknown as {
    host: string[];
    port: number[];
    user: string;
    pass: string;
    database: string;
  };
  return {
    host: host[0]!,
    port: port[0]!,
    user,
    password: pass ?? '',
    database,
    ssl: false as const,
    schema: 'public',
  };
}
