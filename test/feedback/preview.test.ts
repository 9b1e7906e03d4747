// POST /v1/imports/preview: what a person sees of a file before anything is loaded.
import { gzipSync } from 'node:zlib';
import t from 'tap';
import { build } from '../build.ts';
import { importFile } from '../client.ts';
import { id } from '../numbered.ts';

const header = 'id,email,name,role,created_at\n';
const line = (n: number, role = 'viewer') => `${id(n)},u${n}@example.com,U,${role},2024-01-01T00:00:00Z\n`;
const json = (n: number, more: Record<string, unknown> = {}) =>
  JSON.stringify({
    id: id(n),
    email: `u${n}@x.org`,
    name: 'U',
    role: 'viewer',
    created_at: '2024-01-01T00:00:00Z',
    ...more,
  });

t.test('a preview', async (t) => {
  const app = await build(t);
  const ask = async (query: Record<string, string>, payload: string | Buffer, type = 'application/octet-stream') =>
    await app.inject({ method: 'POST', url: '/v1/imports/preview', query, headers: { 'content-type': type }, payload });
  const preview = async (query: Record<string, string>, payload: string | Buffer) => (await ask(query, payload)).json();

  await t.test('finds the errors that an import finds, line for line', async (t) => {
    const content = [header, line(1), line(2, 'king'), `x,"a\nb",,viewer,now\n`, 'a,b\n', '1,"2"3\n', line(3)].join('');
    const seen = await preview({ file_name: 'people.csv', whole: 'true' }, content);
    t.match(seen, {
      ...{ resource: 'users', resource_guess: 'users', format: 'csv', delimiter: ',', missing_columns: [] },
      ...{ checked: 6, rejected: 4, failure: undefined },
    });
    const { errors } = await importFile(app, { resource: 'users', name: 'people.csv', content });
    t.same(
      seen.records.flatMap(({ line, record, errors }: { line: number; record: number; errors: object[] }) =>
        errors.map((error) => ({ line, record, ...error })),
      ),
      errors,
    );
    t.match(seen.records[1].values, { id: id(2), role: 'king' });
    t.match(seen.records[2].values, { email: 'a\nb', name: '' });
    t.match(seen.records[3].values, { id: 'a', email: 'b', name: null });
  });

  await t.test('tells which columns feed which fields, and which are missing', async (t) => {
    const seen = await preview({ resource: 'users' }, `ID;E-Mail;NAME\n${id(1)};x@example.com;U\n`);
    t.same(seen.columns, [
      { name: 'ID', field: 'id' },
      { name: 'E-Mail', field: null },
      { name: 'NAME', field: 'name' },
    ]);
    t.match(seen, { delimiter: ';', missing_columns: ['email', 'role', 'created_at'], checked: 0 });
    t.match(seen.failure, { code: 'missing_columns', line: 1 });
    t.match(seen.records[0], { line: 2, values: { 'E-Mail': 'x@example.com' }, errors: [] });
  });

  await t.test('tells the delimiter of columns that fit no resource', async (t) => {
    for (const delimiter of [',', ';', '\t']) {
      const names = ['Price, net', 'Colour', 'Size; cm'].map((name) => (name.includes(delimiter) ? `"${name}"` : name));
      const seen = await preview({ file_name: 'goods.csv', resource: 'users' }, `${names.join(delimiter)}\n`);
      t.match(seen, { delimiter, columns: [{ name: 'Price, net' }, { name: 'Colour' }, { name: 'Size; cm' }] });
    }
  });

  await t.test('guesses resource and format, from content before name', async (t) => {
    t.match(await preview({}, `id,slug,title,body,author_id\n`), { resource: 'articles', format: 'csv' });
    t.match(await preview({ file_name: 'users.csv' }, `id,article_id,user_id,body,created_at\n`), {
      resource: 'comments',
    });
    t.match(await preview({ file_name: 'my-users.csv' }, `a,b\n1,2\n`), { resource: 'users', checked: 0 });
    t.match(await preview({}, `a,b\n1,2\n`), {
      resource: null,
      resource_guess: null,
      records: [{ values: { a: '1' } }],
    });
    t.match(await preview({ resource: 'articles' }, `${header}${line(1)}`), {
      ...{ resource: 'articles', resource_guess: 'users', missing_columns: ['slug', 'title', 'body', 'author_id'] },
    });
    const [ndjson, array] = [`${json(1)}\n${json(2)}\n`, `[${json(1)},\n${json(2)}]`];
    t.match(await preview({}, ndjson), { resource: 'users', format: 'ndjson', checked: 2, rejected: 0 });
    t.match(await preview({}, `\ufeff${array}`), { resource: 'users', format: 'json', checked: 2 });
    t.match(await preview({ file_name: 'x.json' }, ndjson), { format: 'ndjson', checked: 2 });
    t.match(await preview({ file_name: 'x.csv.gz' }, gzipSync(header + line(1))), { resource: 'users', checked: 1 });
  });

  await t.test('shows JSON as it was sent', async (t) => {
    const odd = JSON.stringify({ id: 1, tags: ['a', 'b'], body: null, status: true, slug: 'x'.repeat(600) });
    const seen = await preview({ resource: 'articles' }, `${odd}\nnot json\n{"__proto__":1,"toString":2}\n`);
    t.same(seen.records[0].values, { id: 1, tags: '["a","b"]', body: null, status: true, slug: 'x'.repeat(500) });
    t.match(seen.records[0].errors[0], { field: 'id', code: 'type', value: '1' });
    t.match(seen.records[1], { values: {}, errors: [{ field: 'json', code: 'json', value: 'not json' }] });
    t.ok(Object.hasOwn(seen.records[2].values, '__proto__'));
    t.same(seen.missing_columns, ['title', 'author_id']);
    const indented = await preview({ file_name: 'x.json' }, JSON.stringify({ data: [1] }, null, 2));
    t.match(indented, { resource: null, columns: [], checked: 0, rejected: 0 });
    t.ok(indented.records.every(({ errors }: { errors: { code: string }[] }) => errors[0]?.code === 'json'));
    t.same((await preview({}, '{"a":1}\n')).records[0].errors, [], 'no rules of a resource that nobody named');
  });

  await t.test('does not hold against the file what the end of the sample cuts off', async (t) => {
    const cuts: [string, string | Buffer, number][] = [
      ['x.csv', header + line(1) + line(2).slice(0, 20), 1],
      ['x.csv', `${header}${line(1)}${id(2)},"begun\nand not\nended`, 1],
      ['x.ndjson', `${json(1)}\n${json(2).slice(0, 30)}`, 1],
      ['x.json', `[${json(1)},\n${json(2)},${json(3).slice(0, 30)}`, 2],
      ['x.json', `[${json(1)},\n${json(2)},`, 2],
      ['x.json', `${json(1)}\n${json(2).slice(0, 30)}`, 1],
      [
        'x.csv.gz',
        gzipSync(header + Array.from({ length: 9000 }, (_, n) => line(n)).join('')).subarray(0, 40_000),
        100,
      ],
    ];
    for (const [file_name, content, least] of cuts) {
      const seen = await preview({ file_name }, content);
      t.match(seen, { resource: 'users', rejected: 0, failure: undefined }, `${file_name} ${content.slice(-10)}`);
      t.ok(seen.checked >= least);
      if (!file_name.endsWith('.gz')) t.equal(seen.checked, least);
      const whole = await preview({ file_name, whole: 'true' }, content);
      t.ok(whole.rejected > 0 || whole.failure, 'of a whole file it is');
    }
    t.match(await preview({ file_name: 'x.ndjson' }, json(1).slice(0, 30)), { checked: 0, failure: undefined });
    t.match(await preview({ file_name: 'x.json' }, `[${json(1)} ${json(2)}`), { failure: { code: 'malformed_json' } });
  });

  await t.test('checks much and shows little', async (t) => {
    const content = `id\n${'1\n'.repeat(500_000)}`;
    const seen = await preview({ resource: 'users', file_name: 'x.ndjson' }, content);
    t.match(seen, { checked: 20_000, rejected: 20_000 });
    t.equal(seen.records.length, 100);
    const names = Array.from({ length: 20_000 }, (_, n) => `c${n}`);
    const wide = await ask({ file_name: 'x.csv' }, `${names.join(',')}\n${'x\n'.repeat(200)}`);
    t.equal(wide.json().columns.length, 1000);
    t.ok(wide.rawPayload.length < 3e6, 'a hundred thousand bytes do not make tens of millions');
  });

  await t.test('is refused rather than kept waiting with many others', async (t) => {
    const content = `id\n${'1\n'.repeat(20_000)}`;
    const asked = Array.from({ length: 60 }, async () => await ask({ resource: 'users', format: 'ndjson' }, content));
    const codes = (await Promise.all(asked)).map((response) => response.json().code ?? response.statusCode);
    t.ok(codes.includes('too_busy') && codes.includes(200));
    t.same([...new Set(codes)].sort(), [200, 'too_busy']);
    t.equal((await ask({}, content)).statusCode, 200, 'and the next is served');
  });

  await t.test('says what it does not take', async (t) => {
    t.match(await preview({ resource: 'people' }, 'x'), { status: 400, code: 'unknown_resource' });
    t.match(await preview({ format: 'xml' }, 'x'), { status: 400, code: 'unsupported_file_type' });
    t.match(await preview({ delimiter: '|' }, 'x'), { status: 400, code: 'invalid_option' });
    t.match(await preview({ colour: 'red' }, 'x'), { status: 400, code: 'unknown_option' });
    t.match(await preview({}, Buffer.alloc(1024 * 1024 + 1)), { status: 413, code: 'body_too_large' });
    t.match((await ask({}, '{}', 'application/json')).json(), { status: 415, code: 'unsupported_media_type' });
    t.match(await preview({}, ''), { checked: 0, failure: { code: 'empty_file' } });
    t.match(await preview({}, gzipSync('x')), { failure: { code: 'unsupported_encoding' } });
    t.match(await preview({}, '"a'), { failure: { code: 'malformed_header' } });
  });
});
