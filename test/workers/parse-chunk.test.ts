// From the bytes of records to COPY text and row errors: every rule and every message of records.md, in CSV and JSON.
import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { Piscina } from 'piscina';
import t, { type Test } from 'tap';
import { inFileOrder, placeOf } from '../../src/import/chunk-rows.ts';
import { resourceNamed } from '../../src/resources/index.ts';
import { defineResource, type Resource } from '../../src/resources/resource.ts';
import { type ParsedChunk, recordFaults } from '../../workers/messages.ts';
import { readUuid } from '../../workers/uuid-text.ts';
import { csvRecord, layoutOf, makeRequest, now, type Outcome, parse, type Sending } from './chunks.ts';

const uuid = (n: number) => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`;

const user = {
  id: uuid(1),
  email: 'a@example.com',
  name: 'A',
  role: 'viewer',
  active: true,
  created_at: '2024-01-01T00:00:00Z',
};
const article = { id: uuid(1), slug: 'one-two', title: 'T', body: 'B', author_id: uuid(7) };
const comment = { id: uuid(1), article_id: uuid(2), user_id: uuid(3), body: 'B', created_at: '2024-01-01T00:00:00Z' };
const valid: Record<string, Record<string, unknown>> = { users: user, articles: article, comments: comment };

const asCell = (value: unknown) =>
  value === undefined || value === null ? '' : typeof value === 'string' ? value : JSON.stringify(value);

/** Parses records of a resource's name as CSV with all its columns. */
function parseCsv(resource: Resource, ...records: Record<string, unknown>[]): Outcome {
  const columns = Object.keys(resource.fields);
  const lines = records.map((record) => csvRecord(columns.map((column) => asCell(record[column]))));
  return parse(resource, { format: 'csv', csv: layoutOf(resource, columns), records: lines });
}

function parseJson(resource: Resource, ...records: unknown[]): Outcome {
  return parse(resource, { format: 'ndjson', records: records.map((record) => JSON.stringify(record)) });
}

/** Checks what one changed value of a valid record leads to, in both formats: `field code message`, or none. */
function expectErrors(
  t: Test,
  resource: string,
  changes: Record<string, unknown>,
  expected: string[],
  formats = 'csv json',
) {
  const record = { ...valid[resource], ...changes };
  for (const format of formats.split(' ')) {
    const { errors, rows } = (format === 'csv' ? parseCsv : parseJson)(resourceNamed(resource), record);
    const found = errors.map(({ field, code, message }) => `${field} ${code} ${message}`);
    t.same(found, expected, `${format} ${JSON.stringify(changes).slice(0, 100)}`);
    t.equal(rows.length, expected.length === 0 ? 1 : 0);
  }
}

t.test('what is missing is named', async (t) => {
  for (const resource of ['users', 'articles', 'comments']) {
    for (const field of Object.keys(valid[resource] ?? {})) {
      if (field === 'active') continue;
      for (const nothing of [undefined, null, '', ' ', ' \t\u00a0\u2003'])
        expectErrors(t, resource, { [field]: nothing }, [`${field} required ${field} is required`]);
    }
  }
});

t.test('ids and references are UUIDs', async (t) => {
  const bad = [
    '12345',
    uuid(1).slice(1),
    `${uuid(1)}0`,
    `{${uuid(1)}}`,
    uuid(1).replaceAll('-', ''),
    uuid(1).replace('4', 'g'),
  ];
  for (const value of [...bad, `${'0'.repeat(8)}x${uuid(1).slice(9)}`, `ü${uuid(1).slice(1)}`]) {
    expectErrors(t, 'users', { id: value }, ['id uuid invalid UUID format']);
    expectErrors(t, 'comments', { article_id: value }, ['article_id uuid invalid UUID format']);
  }
  for (const value of ['00000000-0000-0000-0000-000000000000', 'ABCDEF01-2345-6789-ABCD-EF0123456789'])
    expectErrors(t, 'users', { id: value }, []);
});

t.test('e-mail addresses', async (t) => {
  const bad = [
    'foo@bar',
    'foo',
    '@bar.com',
    'foo@',
    'a b@example.com',
    'a@b@example.com',
    'a@.com',
    'a@example.',
    'a@example..com',
  ];
  for (const email of [...bad, 'a@exa mple.com', 'a\u00a0b@example.com', 'a\u0007@example.com', 'a@example,com'])
    expectErrors(t, 'users', { email }, ['email email invalid email format']);
  const good = [
    'a@b.c',
    "o'neil+tag@mail.example.co.uk",
    'A.B@Example.COM',
    'müller@exämple.de',
    '.a.@x.y',
    'a\\b@x.y',
  ];
  for (const email of good) expectErrors(t, 'users', { email }, []);
});

t.test('one of a list', async (t) => {
  for (const role of ['manager', 'Admin', 'admin,editor', 'constructor'])
    expectErrors(t, 'users', { role }, ['role enum invalid role, must be one of: admin, editor, viewer']);
  for (const role of ['admin', 'editor', 'viewer']) expectErrors(t, 'users', { role }, []);
  for (const status of ['archived', 'Draft'])
    expectErrors(t, 'articles', { status }, ['status enum invalid status, must be one of: draft, published']);
});

t.test('booleans', async (t) => {
  for (const active of ['yes', 'TRUE', '1', 't', 'falsey'])
    expectErrors(t, 'users', { active }, ["active boolean active must be 'true' or 'false'"], 'csv');
  for (const active of ['yes', 'true', 1, [], {}])
    expectErrors(t, 'users', { active }, ['active type active must be a boolean'], 'json');
  for (const active of [true, false, undefined, null]) expectErrors(t, 'users', { active }, []);
});

t.test('timestamps', async (t) => {
  const bad = [
    'yesterday',
    '2024-01-01',
    '2024-01-01 00:00:00Z',
    '2024-01-01T00:00:00',
    '2024-01-01T00:00Z',
    '2024-13-01T00:00:00Z',
  ];
  bad.push(
    '2024-00-01T00:00:00Z',
    '2024-01-00T00:00:00Z',
    '2024-02-30T00:00:00Z',
    '2023-02-29T00:00:00Z',
    '1900-02-29T00:00:00Z',
  );
  bad.push(
    '2024-04-31T00:00:00Z',
    '2024-01-01T24:00:00Z',
    '2024-01-01T00:60:00Z',
    '2024-12-31T23:59:60Z',
    '2024-01-01T00:00:00.Z',
  );
  bad.push(
    '0000-01-01T00:00:00Z',
    '10000-01-01T00:00:00Z',
    '2024-01-01T00:00:00+1',
    '2024-01-01T00:00:00+0100',
    '2024-01-01T00:00:00+01',
  );
  bad.push(
    '2024-01-01T00:00:00+16:00',
    '2024-01-01T00:00:00-23:00',
    '2024-01-01T00:00:00+01:60',
    '2024-01-01T00:00:00,5Z',
  );
  bad.push(
    '0001-01-01T00:00:00+00:01',
    '9999-12-31T23:59:59-00:01',
    '9999-12-31T23:59:59.9999999Z',
    '2024-01-01T00:00:00ZZ',
  );
  bad.push('2024-01-01T00:00:00.1', '20240101T000000Z', '1704067200', '2024-01-01T0٠:00:00Z', '2024x01-01T00:00:00Z');
  for (const created_at of bad)
    expectErrors(t, 'users', { created_at }, ['created_at datetime invalid ISO 8601 date format']);
  const good = ['2024-02-29T23:59:59Z', '2000-02-29T00:00:00z', '2024-01-01t00:00:00Z', '2024-01-01T00:00:00-00:00'];
  good.push(
    '2024-01-01T00:00:00.123456789012345678901234567890+15:59',
    '0001-01-01T00:00:00Z',
    '9999-12-31T23:59:59.999999Z',
  );
  for (const created_at of good) expectErrors(t, 'users', { created_at }, []);
});

t.test('slugs', async (t) => {
  const message = 'slug slug slug must be kebab-case (lowercase letters, numbers, hyphens)';
  for (const slug of ['Not A Slug', 'under_score', 'UPPER', '-a', 'a-', 'a--b', 'é', ' a', 'a ', 'a.b'])
    expectErrors(t, 'articles', { slug }, [message]);
  for (const slug of ['a', '0', 'a-b-1', '2024-01-01']) expectErrors(t, 'articles', { slug }, []);
});

t.test('lengths count characters, not bytes or UTF-16 units', async (t) => {
  expectErrors(t, 'users', { name: '🦉'.repeat(255) }, []);
  expectErrors(t, 'users', { name: 'é'.repeat(256) }, ['name length name must be at most 255 characters']);
  expectErrors(t, 'users', { name: `${'🦉'.repeat(255)}x` }, ['name length name must be at most 255 characters']);
  expectErrors(t, 'users', { email: `${'a'.repeat(249)}@ex.io` }, []);
  expectErrors(t, 'users', { email: `${'a'.repeat(250)}@ex.io` }, [
    'email length email must be at most 255 characters',
  ]);
  expectErrors(t, 'articles', { title: 'x'.repeat(501) }, ['title length title must be at most 500 characters']);
  expectErrors(t, 'articles', { slug: 'x'.repeat(256) }, ['slug length slug must be at most 255 characters']);
  expectErrors(t, 'articles', { body: 'x'.repeat(100_000) }, []);
});

t.test('words are runs of non-white-space', async (t) => {
  expectErrors(t, 'comments', { body: 'w '.repeat(500) }, []);
  expectErrors(t, 'comments', { body: ` ${'w \u2003\n'.repeat(500)}` }, []);
  expectErrors(t, 'comments', { body: 'w\u00a0'.repeat(501) }, [
    'body words body exceeds maximum of 500 words (has 501)',
  ]);
  expectErrors(t, 'comments', { body: 'word\n'.repeat(1234) }, [
    'body words body exceeds maximum of 500 words (has 1234)',
  ]);
});

t.test('a draft has not been published', async (t) => {
  const published_at = '2024-02-09T09:00:00Z';
  const error = 'published_at draft draft articles must not have published_at';
  expectErrors(t, 'articles', { status: 'draft', published_at }, [error]);
  expectErrors(t, 'articles', { published_at }, [error]);
  expectErrors(t, 'articles', { status: 'published', published_at }, []);
  expectErrors(t, 'articles', { status: 'published' }, []);
  t.test('the rule is not asked of a record that is wrong already', async (t) => {
    expectErrors(t, 'articles', { status: 'draft', published_at, title: '' }, ['title required title is required']);
  });
});

t.test('JSON of the wrong type', async (t) => {
  for (const value of [5, true, [], ['a'], {}]) {
    expectErrors(t, 'users', { name: value }, ['name type name must be a string'], 'json');
    expectErrors(t, 'users', { role: value }, ['role type role must be a string'], 'json');
    expectErrors(
      t,
      'users',
      { id: value, created_at: value },
      ['id type id must be a string', 'created_at type created_at must be a string'],
      'json',
    );
  }
  for (const tags of ['news', 7, { first: 'news' }, ['a', 1], [null], [['a']], true])
    expectErrors(t, 'articles', { tags }, ['tags type tags must be an array of strings']);
  for (const tags of [[], null, ['a'], ['', ' ', 'NULL']]) expectErrors(t, 'articles', { tags }, []);
  expectErrors(t, 'articles', { tags: "['single']" }, ['tags type tags must be an array of strings']);
});

t.test('text that PostgreSQL cannot store', async (t) => {
  const error = (field: string) => `${field} encoding contains a character PostgreSQL cannot store`;
  for (const bad of ['a\0b', '\0']) {
    expectErrors(t, 'users', { name: bad }, [error('name')]);
    expectErrors(t, 'users', { email: `${bad}@example.com` }, [error('email')]);
    expectErrors(t, 'articles', { tags: ['ok', bad, bad] }, [error('tags')]);
  }
  for (const bad of ['half \ud83e', '\udd89', '\udd89\ud83e']) {
    expectErrors(t, 'users', { name: bad }, [error('name')], 'json');
    expectErrors(t, 'articles', { tags: [bad] }, [error('tags')]);
  }
  expectErrors(t, 'articles', { title: `\0${'x'.repeat(500)}` }, [
    error('title'),
    'title length title must be at most 500 characters',
  ]);
  const { errors } = parseJson(resourceNamed('users'), { ...user, name: 'a\0b\ud83e' });
  t.equal(errors[0]?.value, 'a\ufffdb\ufffd', 'and is reported as something that it can');
});

t.test('every broken rule is reported, in the order of the fields', async (t) => {
  const changes = {
    id: 'x',
    email: `${'a b'.repeat(100)}`,
    name: '',
    role: 'boss',
    active: 'x',
    created_at: 'x',
    updated_at: 'x',
  };
  const { errors } = parseCsv(resourceNamed('users'), changes);
  t.same(
    errors.map(({ field, code, value }) => [field, code, value?.slice(0, 4)]),
    [
      ['id', 'uuid', 'x'],
      ['email', 'email', 'a ba'],
      ['email', 'length', 'a ba'],
      ['name', 'required', undefined],
      ['role', 'enum', 'boss'],
      ['active', 'boolean', 'x'],
      ['created_at', 'datetime', 'x'],
      ['updated_at', 'datetime', 'x'],
    ],
  );
  const { parsed } = parseJson(resourceNamed('users'), {}, user, {});
  t.match(parsed, { rows: 1, rejected: 2, errors: { count: 10 } });
  t.equal(
    new TextDecoder().decode(parsed.errors.copy).split('\n')[6]?.split('\t')[2],
    '1',
    "a record's errors are numbered from 0",
  );
});

t.test('the value of an error is what was received, at most 200 characters of it', async (t) => {
  const value = (record: object) => parseJson(resourceNamed('users'), { ...user, ...record }).errors[0]?.value;
  t.equal(value({ name: 5 }), '5');
  t.equal(value({ name: { a: ['b'] } }), '{"a":["b"]}');
  t.equal(value({ id: ' x ' }), ' x ');
  t.equal(value({ name: null }), null);
  t.equal(value({ name: '' }), null);
  t.equal(value({ name: '🦉'.repeat(300) }), '🦉'.repeat(200));
  t.equal(value({ id: 'tab\tline\nback\\slash\r\\N' }), 'tab\tline\nback\\slash\r\\N');
  t.equal(parseCsv(resourceNamed('users'), { ...user, role: ' boss ' }).errors[0]?.value, ' boss ');
  const text = '{"id":12345678901234567890,"email":0.10, "name" : 1e400 , "role":[ 1.0,{}],"created_at":"2024-1"}';
  t.same(
    parse(resourceNamed('users'), { format: 'ndjson', records: [text] }).errors.map(({ value }) => value),
    ['12345678901234567890', '0.10', '1e400', '[ 1.0,{}]', '2024-1'],
    'not what JSON.parse() makes of it',
  );
});

t.test('what may be absent has its default', async (t) => {
  for (const read of [parseCsv, parseJson]) {
    const [first] = read(resourceNamed('users'), { ...user, active: null, updated_at: '' }).rows;
    t.match(first, { active: 't', created_at: user.created_at, updated_at: user.created_at });
    const [second] = read(resourceNamed('articles'), article).rows;
    t.match(second, { tags: '{}', status: 'draft', published_at: null, created_at: now.replace('.000Z', 'Z') });
    const given = { ...user, active: false, updated_at: '2025-01-01T00:00:00+02:00' };
    t.match(read(resourceNamed('users'), given).rows[0], { active: 'f', updated_at: '2024-12-31T22:00:00Z' });
  }
  const users = resourceNamed('users');
  const columns = ['ROLE?', 'created_at', 'role', 'name', 'email', 'id'];
  const cells = ['ignored', user.created_at, 'editor', 'N', user.email, user.id];
  const { rows } = parse(users, { format: 'csv', csv: layoutOf(users, columns), records: [csvRecord(cells)] });
  t.match(
    rows,
    [{ id: user.id, name: 'N', role: 'editor', active: 't', updated_at: user.created_at }],
    'columns in any order',
  );
  t.equal(
    parseJson(users, { ...user, unknown: { id: 5 }, __proto__: null }).rows.length,
    1,
    'unknown properties are ignored',
  );
});

t.test('text is kept, and only certain fields of a CSV are trimmed', async (t) => {
  const names = [
    '  two blanks first',
    'tab\tin',
    'back\\slash',
    '\\N',
    '\\.',
    'a "quote"',
    '🦉 é',
    "x' --",
    'line\nbreak\r\n',
    '\ufeffx',
    '"',
  ];
  for (const read of [parseCsv, parseJson]) {
    const { rows, errors } = read(
      resourceNamed('users'),
      ...names.map((name, n) => ({ ...user, id: uuid(n), email: `u${n}@x.y`, name })),
    );
    t.same(errors, []);
    t.same(
      rows.map((row) => row.name),
      names,
    );
  }
  const padded = {
    ...user,
    id: `\t${uuid(1).toUpperCase()} `,
    email: ' a@example.com\u00a0',
    role: ' viewer',
    active: ' false ',
    created_at: ' 2024-01-01T00:00:00Z ',
    name: ' N ',
  };
  t.match(parseCsv(resourceNamed('users'), padded).rows, [{ ...user, name: ' N ', active: 'f' }]);
  t.same(
    parseJson(resourceNamed('users'), padded).errors.map(({ code }) => code),
    ['uuid', 'email', 'enum', 'type', 'datetime'],
  );
  t.same(
    parseCsv(resourceNamed('articles'), { ...article, slug: ' one ' }).errors.map(({ code }) => code),
    ['slug'],
  );
});

t.test('a record that cannot be read is rejected alone, with its place', async (t) => {
  const users = resourceNamed('users');
  const columns = Object.keys(user);
  const line = (n: number) => csvRecord(Object.values({ ...user, id: uuid(n), email: `u${n}@x.y` }).map(asCell));
  const csv: Sending = { format: 'csv', csv: layoutOf(users, columns), firstRecord: 100, firstLine: 500, records: [] };
  const latin = Buffer.from(line(3).replace(',A,', ',Caf\u00e9,'), 'latin1');
  const fromCsv = parse(users, {
    ...csv,
    records: [
      line(1),
      `${line(2)},extra`,
      latin,
      'only one',
      { text: 'a,"b', fault: recordFaults.unclosedQuote },
      { text: 'a,"b"c', fault: recordFaults.afterQuote },
      { text: 'gone', fault: recordFaults.tooLong },
      line(8).replace(',A,', ',"A, B",'),
      line(9).replace(',A,', ',Ünı,'),
    ],
  });
  t.same(fromCsv.errors, [
    {
      record: 101,
      line: 501,
      field: 'csv',
      code: 'csv',
      message: 'expected 6 columns, found 7',
      value: `${line(2)},extra`,
    },
    {
      record: 102,
      line: 502,
      field: 'csv',
      code: 'encoding',
      message: 'not valid UTF-8',
      value: line(3).replace(',A,', ',Caf\ufffd,'),
    },
    { record: 103, line: 503, field: 'csv', code: 'csv', message: 'expected 6 columns, found 1', value: 'only one' },
    { record: 104, line: 504, field: 'csv', code: 'csv', message: 'quoted field is not closed', value: 'a,"b' },
    {
      record: 105,
      line: 505,
      field: 'csv',
      code: 'csv',
      message: 'unexpected character after a closing quote',
      value: 'a,"b"c',
    },
    { record: 106, line: 506, field: 'csv', code: 'length', message: 'record must be at most 8 MiB', value: null },
  ]);
  t.same(
    fromCsv.rows.map(({ id, name }) => [id, name]),
    [
      [uuid(1), 'A'],
      [uuid(8), 'A, B'],
      [uuid(9), 'Ünı'],
    ],
  );
  t.same(
    inFileOrder(fromCsv.parsed).map((row) => placeOf(fromCsv.parsed, row)),
    [
      { record: 100, line: 500 },
      { record: 107, line: 507 },
      { record: 108, line: 508 },
    ],
  );

  const broken = ['{"id":', "{'id': 1}", '{"a":1,}', '[1]', '"text"', '17', 'null', '{"a":"\t"}', '{"a":1} x', '{'];
  const fromJson = parse(users, {
    format: 'ndjson',
    records: [JSON.stringify(user), ...broken, Buffer.from('{"name":"\xff"}', 'latin1')],
  });
  t.same(
    fromJson.errors.map(({ field, code, message }) => `${field} ${code} ${message}`),
    [
      'json json invalid JSON: Unexpected end of JSON input',
      "json json invalid JSON: Expected property name or '}' at position 1",
      'json json invalid JSON: Expected double-quoted property name at position 7',
      'json json invalid JSON: expected an object, found an array',
      'json json invalid JSON: expected an object, found a string',
      'json json invalid JSON: expected an object, found a number',
      'json json invalid JSON: expected an object, found null',
      'json json invalid JSON: Bad control character in string literal at position 6',
      'json json invalid JSON: Unexpected non-whitespace character after JSON at position 8',
      "json json invalid JSON: Expected property name or '}' at position 1",
      'json encoding not valid UTF-8',
    ],
  );
  t.same(fromJson.errors.map(({ value }) => value).slice(0, 2), broken.slice(0, 2));
  t.equal(fromJson.rows.length, 1);
});

t.test('halves of a character on both sides of a gap are not taken for one', async (t) => {
  const users = resourceNamed('users');
  const half = (json: string) => Buffer.from(json.replace('|', '\xc3'), 'latin1');
  const request = makeRequest(users, { format: 'ndjson', records: [half('{"name":"|'), JSON.stringify(user)] });
  // The splitter leaves out what lies between records; here the first ends where the second begins.
  const bytes = new Uint8Array(request.bytes);
  bytes.set([0xa9], request.table[1]);
  t.ok(Buffer.from(bytes).toString().includes('é'));
  const { parseChunk } = await import('../../workers/parse-chunk.ts');
  t.match(Buffer.from(parseChunk(request, users).errors.copy).toString(), 'not valid UTF-8');
});

t.test('properties with dangerous names do no harm', async (t) => {
  const text = JSON.stringify(user).replace('{', '{"__proto__":{"name":"proto"},"constructor":1,"toString":null,');
  const { rows } = parse(resourceNamed('users'), { format: 'json', records: [text, '{"__proto__":{"id":"x"}}'] });
  t.match(rows, [{ name: 'A' }]);
  t.equal(({} as Record<string, unknown>).name, undefined);
  const twice = JSON.stringify(user).replace('{', '{"name":"first","id":5,');
  t.match(
    parse(resourceNamed('users'), { format: 'json', records: [twice] }).rows,
    [{ name: 'A' }],
    'the last of two counts',
  );
});

t.test('keys are folded to be compared, rows keep what was given', async (t) => {
  const users = resourceNamed('users');
  const { rows, parsed } = parseJson(
    users,
    { ...user, id: uuid(10).replace('8', 'A'), email: 'ÉA\\Z@Example.com' },
    { ...user, id: 'bad' },
    { ...user, id: uuid(11), email: 'b@x.y' },
  );
  t.equal(rows[0]?.email, 'ÉA\\Z@Example.com');
  t.equal(rows[0]?.id, uuid(10).replace('8', 'a'));
  t.equal(parsed.keyHashes.length, 4);
  t.same(
    [...parsed.keyHashes],
    [...parsed.keyHashes].sort((a, b) => a - b),
  );
  t.ok([...parsed.keyHashes].every((hash) => Number.isSafeInteger(hash) && hash >= 0));
  t.notOk(parsed.keysRepeat);
  const repeated = parseJson(users, { ...user, email: 'X@Y.z' }, { ...user, id: uuid(2), email: 'x@y.Z' });
  t.ok(repeated.parsed.keysRepeat);
  t.notOk(parseJson(users, user, { ...user, name: '' }).parsed.keysRepeat, 'a rejected record claims nothing');
});

t.test('references come as the set of distinct ones', async (t) => {
  const samples = defineResource({
    name: 'samples',
    singular: 'sample',
    fields: { id: { type: 'uuid' }, user_id: { type: 'uuid', references: 'users', default: null } },
    keys: ['id'],
  });
  const ids = [uuid(5).toUpperCase(), null, uuid(6), uuid(5), undefined, uuid(0xabc).replace('8', 'F')];
  const { rows, parsed } = parseJson(samples, ...ids.map((user_id, n) => ({ id: uuid(n), user_id })));
  const stored = ids.map((id) => id?.toLowerCase() ?? null);
  t.same(
    rows.map((row) => row.user_id),
    stored,
  );
  t.same(readReferences(parsed), [...new Set(stored.filter((id) => id !== null))]);
  t.same(readReferences(parseJson(samples).parsed), []);
  const many = Array.from({ length: 3000 }, (_, n) => ({ id: uuid(n), user_id: uuid((n * n) % 1999) }));
  const distinct = readReferences(parseJson(samples, ...many).parsed);
  t.same(new Set(distinct), new Set(many.map(({ user_id }) => user_id)));
  t.equal(distinct.length, new Set(distinct).size);
  t.same(
    readReferences(parseJson(samples, ...many.slice(0, 5)).parsed).length,
    5,
    'nothing of an earlier chunk is left',
  );
});

/** The distinct values of the first reference: the elements of a uuid[] in PostgreSQL's binary format. */
function readReferences({ references: [reference] }: ParsedChunk): string[] {
  const bytes = Buffer.from(reference?.array ?? []);
  const [dimensions, nulls, type] = [0, 4, 8].map((at) => bytes.readInt32BE(at));
  t.same({ nulls, type, dimensions }, { nulls: 0, type: 2950, dimensions: reference?.count === 0 ? 0 : 1 });
  const ids: string[] = [];
  for (let at = 20; at < bytes.length; at += 20) {
    t.equal(bytes.readInt32BE(at), 16);
    ids.push(readUuid(bytes, at + 4));
  }
  t.equal(ids.length, reference?.count);
  if (dimensions === 1) t.same([bytes.readInt32BE(12), bytes.readInt32BE(16)], [ids.length, 1]);
  return ids;
}

t.test('however records are grouped into chunks, the outcome is the same', async (t) => {
  const articles = resourceNamed('articles');
  const text = fc.oneof(
    fc.string(),
    fc.string({ unit: 'grapheme' }),
    fc.constantFrom('', ' ', 'x', '\0', '"', '\\', '\ud800', 'a\tb'),
  );
  const record = fc.oneof(
    fc.record({
      id: fc.uuid(),
      slug: fc.constantFrom('a', 'A', 'b-c'),
      title: text,
      body: text,
      author_id: fc.uuid(),
      tags: fc.array(text, { maxLength: 3 }),
    }),
    fc.constant('not JSON'),
  );
  const columns = ['id', 'slug', 'title', 'body', 'author_id', 'tags'];
  const inCsv = (one: object | string) =>
    typeof one === 'string'
      ? one
      : csvRecord(columns.map((column) => asCell((one as Record<string, unknown>)[column])));
  fc.assert(
    fc.property(
      fc.array(record, { maxLength: 12 }),
      fc.array(fc.nat(12), { maxLength: 3 }),
      fc.boolean(),
      fc.constantFrom('key', 'reference'),
      (records, cuts, csv, rowOrder) => {
        const lines = records.map((one) => (csv ? inCsv(one) : typeof one === 'string' ? one : JSON.stringify(one)));
        const send = (from: number, to: number) =>
          parse(articles, {
            ...(csv ? { format: 'csv' as const, csv: layoutOf(articles, columns) } : { format: 'ndjson' as const }),
            firstRecord: from + 1,
            rowOrder,
            records: lines.slice(from, to),
          });
        const whole = send(0, lines.length);
        const borders = [0, ...cuts.filter((cut) => cut < lines.length).sort((a, b) => a - b), lines.length];
        const parts = borders.slice(1).map((end, n) => send(borders[n] as number, end));
        t.equal(whole.parsed.rows + whole.parsed.rejected, lines.length);
        for (const of of [
          (one: Outcome) => one.rows,
          (one: Outcome) => one.errors,
          ({ parsed }: Outcome) => inFileOrder(parsed).map((row) => placeOf(parsed, row)),
        ])
          t.same(parts.flatMap<unknown>(of), of(whole));
        t.same(Float64Array.from(parts.flatMap((part) => [...part.parsed.keyHashes])).sort(), whole.parsed.keyHashes);
        const { rowStarts, copy, rows } = whole.parsed;
        t.equal(rowStarts.length, rows + 1);
        t.ok(rowStarts[0] === 0 && rowStarts[rows] === copy.length);
        const ordered = valuesInOrder(whole, rowOrder === 'key' ? 'id' : 'author_id');
        t.same(ordered, ordered.toSorted(), 'rows are in the order asked for');
      },
    ),
    { numRuns: 150 },
  );
});

t.test('rows without references are in the order of their first key all the same', (t) => {
  const users = Array.from({ length: 50 }, (_, n) => ({ ...user, id: randomUUID(), email: `u${n}@example.com` }));
  const records = users.map((one) => JSON.stringify(one));
  const ids = valuesInOrder(parse(resourceNamed('users'), { format: 'ndjson', rowOrder: 'reference', records }), 'id');
  t.equal(ids.length, 50);
  t.same(ids, ids.toSorted());
  t.end();
});

/** The beginnings of a column's values, as the rows lie in the chunk. */
function valuesInOrder({ rows, parsed }: Outcome, column: string): string[] {
  const values: string[] = [];
  for (const [n, row] of inFileOrder(parsed).entries()) values[row] = `${rows[n]?.[column]}`.slice(0, 8);
  return values;
}

t.test('a thread gets the buffers, and gives its own away', async (t) => {
  const pool = new Piscina<unknown, ParsedChunk>({
    filename: new URL('../../workers/parse-chunk.ts', import.meta.url).href,
    maxThreads: 1,
  });
  t.after(async () => await pool.destroy());
  const request = makeRequest(resourceNamed('comments'), {
    format: 'ndjson',
    records: [JSON.stringify(comment), '{}'],
  });
  const parsed = await pool.run(request, { transferList: [request.bytes.buffer, request.table.buffer] });
  t.equal(request.bytes.byteLength, 0);
  t.match(parsed, { rows: 1, rejected: 1, errors: { count: 5 } });
  t.same([...parsed.rowRecords], [0]);
  t.ok(parsed.copy.buffer.byteLength >= parsed.copy.byteLength);
  t.equal(parsed.references.length, 2);
  const unknown = makeRequest(
    defineResource({ name: 'unknowns', singular: 'x', fields: { id: { type: 'uuid' } }, keys: ['id'] }),
    {
      format: 'ndjson',
      records: [],
    },
  );
  await t.rejects(pool.run(unknown), /there is no resource 'unknowns'/);
});
