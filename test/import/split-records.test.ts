import assert from 'node:assert/strict';
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { gzipSync } from 'node:zlib';
import t from 'tap';
import { openRecords } from '../../src/import/split-records.ts';
import { resourceNamed } from '../../src/resources/index.ts';
import { cutAt, recordsOf, type SplitOptions, split, streamOf, withDefaults } from './split.ts';

const header = 'id,name\n';
const mebibyte = 2 ** 20;

setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

/** Records as `line: text`, faults as `line! fault`. */
async function listed(file: string | Buffer | Buffer[], options: SplitOptions = {}) {
  const { records, failure } = await split(file, options);
  const list = records.map(({ line, text, fault }) => (fault ? `${line}! ${fault}: ${text}` : `${line}: ${text}`));
  return failure ? [...list, `${failure.code}${failure.line === undefined ? '' : ` ${failure.line}`}`] : list;
}

t.test('CSV records', async (t) => {
  const cases: [string, string, string[]][] = [
    ['a record is a line', '1,a\n2,b\n', ['2: 1,a', '3: 2,b']],
    ['the last line need not be ended', '1,a\n2,b', ['2: 1,a', '3: 2,b']],
    ['CRLF and LF may be mixed', '1,a\r\n2,b\n3,c\r\n', ['2: 1,a', '3: 2,b', '4: 3,c']],
    ['a lone carriage return is no line break', '1,a\rb\n2,b\r', ['2: 1,a\rb', '3: 2,b\r']],
    ['empty lines are passed over and counted', '\n1,a\n\r\n\n2,b\n\n', ['3: 1,a', '6: 2,b']],
    ['a line of blanks is a record', ' \n', ['2:  ']],
    ['a quoted line break does not shift line numbers', '1,"a\nb\r\nc"\n2,b\n', ['2: 1,"a\nb\r\nc"', '5: 2,b']],
    ['two quotes within quotes are one', '1,"a ""b"" c"\n"""2""",b\n', ['2: 1,"a ""b"" c"', '3: """2""",b']],
    ['empty quotes are an empty field', '"",""\n2,""', ['2: "",""', '3: 2,""']],
    ['a quote within a field is plain text', '1,12" pipe\n2,a"\n3,b ",c\n', ['2: 1,12" pipe', '3: 2,a"', '4: 3,b ",c']],
    ['a quoted field before CRLF', '1,"a"\r\n2,"b"\r\n', ['2: 1,"a"', '3: 2,"b"']],
    ['a quoted field at the end of the file', '1,"a\n"', ['2: 1,"a\n"']],
    ['text after a closing quote rejects its record alone', '1,"a"b\n2,b\n', ['2! afterQuote: 1,"a"b', '3: 2,b']],
    ['a blank after a closing quote too', '1,"a" ,\r\n2,b\n', ['2! afterQuote: 1,"a" ,', '3: 2,b']],
    ['and a lone carriage return', '1,"a"\r,\n2,"b"\r', ['2! afterQuote: 1,"a"\r,', '3! afterQuote: 2,"b"\r']],
    [
      'a quote that is never closed rejects its record alone',
      '1,"a\n2,b\r\n3,c',
      ['2! unclosedQuote: 1,"a', '3: 2,b', '4: 3,c'],
    ],
    ['on the last line too', '1,a\n2,"b', ['2: 1,a', '3! unclosedQuote: 2,"b']],
    [
      'a stray quote that ends at the quote of a later line costs only its own line',
      '1,"a\n2,b\n3,"c"\n4,d\n',
      ['2! afterQuote: 1,"a', '3: 2,b', '4: 3,"c"', '5: 4,d'],
    ],
    [
      'a stray quote in every line costs every line, once',
      '1,"a\r\n2,"b\r\n3,"c\r\n',
      ['2! afterQuote: 1,"a', '3! afterQuote: 2,"b', '4! unclosedQuote: 3,"c'],
    ],
    [
      'a field that is broken on a later line rejects the first one; reading goes on at the second',
      '1,"a\nb"x\n2,b\n',
      ['2! afterQuote: 1,"a', '3: b"x', '4: 2,b'],
    ],
  ];
  for (const [name, text, expected] of cases) {
    t.same(await listed(header + text), expected, name);
    const bytes = Buffer.from(header + text);
    t.same(await listed(cutAt(bytes, [...bytes.keys()])), expected, `${name}, byte by byte`);
  }
  t.same(
    await listed('id;name\n1;"a,b\n";\n2;",a"\n'),
    ['2: 1;"a,b\n";', '4: 2;",a"'],
    'the delimiter of the header counts',
  );
  t.same(await listed('id;name\n1,"a\n2,b\n'), ['2: 1,"a', '3: 2,b'], 'no other one opens a quote');
});

t.test('a line after a stray quote is read as if it were the first one', async (t) => {
  const text = `${header}a,"\nb",c,"\nd\ndd"\ne,e\n`;
  t.same(await listed(text, { maxRecordBytes: 12 }), ['2! unclosedQuote: a,"', '3: b",c,"\nd\ndd"', '6: e,e']);
});

t.test('a CSV header', async (t) => {
  const columns = async (text: string, options: SplitOptions = {}) => (await split(text, options)).csv;
  t.same(await columns(header), { columns: ['id', 'name'], delimiter: ',' });
  t.same(await columns(' NAME ,Id'), { columns: ['name', 'id'], delimiter: ',' }, 'any order, case and outer blanks');
  t.same(
    await columns('"note";"na""me";id;"name"\r\n'),
    { columns: ['note', null, 'id', 'name'], delimiter: ';' },
    'quotes',
  );
  t.same(await columns('id\tname\t__proto__\n'), { columns: ['id', 'name', null], delimiter: '\t' }, 'other columns');
  t.same(
    await columns('"a,b,c";id;name\n'),
    { columns: [null, 'id', 'name'], delimiter: ';' },
    'the delimiter that makes most columns known',
  );
  t.same(await columns('id,x;y;z,name\n'), { columns: ['id', null, 'name'], delimiter: ',' });
  t.same(await columns('id,name;note\n', { delimiter: ',' }), undefined, 'a given delimiter is taken');
  t.same(await listed('id,name;note\n', { delimiter: ',' }), ['missing_columns 1']);
  t.same(await listed('id,"a\n\nb",name\n1,2,3\n'), ['4: 1,2,3'], 'a name may have line breaks');
  t.same(await listed('\n\r\nid,name\n1,a\n'), ['4: 1,a'], 'empty lines before it are passed over');
  t.same(await listed('\uFEFFid,name\n1,a\n'), ['2: 1,a'], 'a byte order mark is not part of a name');
  t.same(await listed('\uFEFF"id",name\n1,a\n'), ['2: 1,a'], 'nor of a quoted one');

  const missing = await split('name,other\n1,a\n');
  t.match(missing.failure, { code: 'missing_columns', message: 'required columns are missing: id', line: 1 });
  t.same(missing.chunks, [], 'no record is handed out');
  t.match((await split('\n\nx|y\n')).failure, { message: 'required columns are missing: id, name', line: 3 });
  const repeated = await split('id,name,ID\n');
  t.match(repeated.failure, { code: 'duplicate_column', message: 'two columns are named id', line: 1 });
  t.same(await listed('id,x,name,x\n1,2,3,4'), ['2: 1,2,3,4'], 'columns that are ignored may have the same name');
  t.same(await listed('id,"name\n1,a\n'), ['malformed_header 1'], 'a quote that is never closed');
  for (let length = 1000; length < 1040; length++) {
    const text = `id,${'x'.repeat(length)},"name"\r\n1,2,3`;
    t.match(await split(text), { csv: { columns: ['id', null, 'name'] }, records: [{ text: '1,2,3' }] });
  }
  t.same(await listed(`id,"name\n${'x'.repeat(200_000)}`), ['malformed_header 1'], 'nor within 128 KiB');
  t.same(await listed('"id"x,name\n1,a\n'), ['malformed_header 1'], 'text after a closing quote');
  t.same(await listed(`id,${'x'.repeat(200_000)},name\n`), ['malformed_header 1'], 'more than 128 KiB');
  for (const text of ['id,name\r1,a\r2,b\r', `id,name\r${'1,a\r'.repeat(50_000)}`, 'name,id\r1,a\n2,b\n']) {
    t.match(
      (await split(text)).failure,
      { code: 'malformed_header', message: /carriage return/ },
      'lines that end with CR',
    );
  }
  t.same(await listed('id,name,"x\r\ny"\r\n1,a,\r\n'), ['3: 1,a,'], 'CRLF within quotes is part of a name');
  t.match(await split(`id,${'x'.repeat(100_000)},name\n1,2,3`), { records: [{ text: '1,2,3' }] }, 'a long one');
});

t.test('a file without records', async (t) => {
  t.same(await listed(''), ['empty_file'], 'a CSV without a header is a fault');
  t.same(await listed('\uFEFF\r\n\n'), ['empty_file'], 'also one of empty lines');
  t.same(await listed('id,name'), [], 'a header alone is a CSV of no records');
  t.same(await listed('id,name\r\n\n'), []);
  t.same(await listed('', { format: 'ndjson' }), [], 'an empty NDJSON has no records');
  t.same(await listed(' \n\r\n\t', { format: 'ndjson' }), []);
  t.same(await listed('[]', { format: 'json' }), [], 'an empty array has none');
  t.same(await listed('\uFEFF [\n] \n', { format: 'json' }), []);
  t.same(await listed('', { format: 'json' }), ['empty_file'], 'a JSON file must have an array');
  t.same(await listed(' \n\t\r', { format: 'json' }), ['empty_file']);
});

t.test('NDJSON records', async (t) => {
  const ndjson = async (text: string) => await listed(text, { format: 'ndjson' });
  t.same(await ndjson('{"a":1}\n{"b":2}'), ['1: {"a":1}', '2: {"b":2}'], 'one a line');
  t.same(
    await ndjson('\uFEFF{"a":1}\r\n\n  \t\r\n{"b":2}\r\n'),
    ['1: {"a":1}', '4: {"b":2}'],
    'blank lines are passed over',
  );
  t.same(await ndjson('  {"a":1} \n'), ['1: {"a":1} ']);
  t.same(await ndjson('{"a":"\n"}\n'), ['1: {"a":"', '2: "}'], 'a line break in a string ends the record');
  t.same(await ndjson('[{"a":1},\n'), ['1: [{"a":1},'], 'whatever the line holds');
});

t.test('JSON records', async (t) => {
  const json = async (text: string) => {
    const whole = await listed(text, { format: 'json' });
    const bytes = Buffer.from(text);
    assert.deepEqual(await listed(cutAt(bytes, [...bytes.keys()]), { format: 'json' }), whole, text);
    return whole;
  };
  t.same(await json('[{"a":[1,{"b":2}]},{}]'), ['1: {"a":[1,{"b":2}]}', '1: {}'], 'elements of one line');
  t.same(
    await json('\n[\n  {\n"a": 1\n},\r\n\n{ } ]\n'),
    ['3: {\n"a": 1\n}', '7: { }'],
    'the line is where the element starts',
  );
  t.same(
    await json('["]",{"a":"}\\"]\\\\"},"\\\\"]'),
    ['1: "]"', '1: {"a":"}\\"]\\\\"}', '1: "\\\\"'],
    'brackets in strings',
  );
  t.same(
    await json('[1,"x",[],null , -1e3]'),
    ['1: 1', '1: "x"', '1: []', '1: null', '1: -1e3'],
    'elements of any kind',
  );
  t.same(await json('[{a:1},{"a":1]},{"b":2}]').then((list) => list.length), 3, 'elements that do not parse');
  t.same(await json('[{"a":"x\ny\\\n"},\n1]'), ['1: {"a":"x\ny\\\n"}', '4: 1'], 'line breaks in strings count');

  t.same(await json('[{"a":1},\n{"b":2}'), ['1: {"a":1}', '2: {"b":2}', 'malformed_json 2'], 'no end');
  t.same(await json('[{"a":1},\n{"b":\n2'), ['1: {"a":1}', 'malformed_json 2'], 'an end within an element: its line');
  t.same(await json('[{"a":1},\n"b'), ['1: {"a":1}', 'malformed_json 2'], 'within a string');
  t.same(await json('[{"a":1},\n12'), ['1: {"a":1}', 'malformed_json 2'], 'within a number');
  t.same(await json('[{"a":1}\n{"b":2}]'), ['1: {"a":1}', 'malformed_json 2'], 'no comma');
  t.same(await json('[1 2]'), ['1: 1', 'malformed_json 1'], 'no comma between numbers');
  t.same(await json('[{"a":1}x,{"b":2}]'), ['1: {"a":1}', 'malformed_json 1'], 'something after an element');
  t.same(await json('[1,\n,2]'), ['1: 1', 'malformed_json 2'], 'nothing between commas');
  t.same(await json('[1,\n]'), ['1: 1', 'malformed_json 2'], 'nothing after a comma');
  t.same(await json('[}]'), ['malformed_json 1'], 'a bracket that was not opened');
  t.same(await json('[1]\n\n]'), ['1: 1', 'malformed_json 3'], 'something after the array');
  t.same(await json('['), ['malformed_json 1']);
  t.same(await json('\n"a"'), ['malformed_json 2'], 'no array at all');

  const object = await split(' \n{"a":1}\n[2]\n', { format: 'json' });
  t.equal(object.format, 'ndjson', 'a file that starts with an object is NDJSON');
  t.same(object.records, [
    { text: '{"a":1}', line: 2 },
    { text: '[2]', line: 3 },
  ]);
  t.equal((await split('[]', { format: 'json' })).format, 'json');
});

t.test('what comes before a fault of the file is handed out, also a chunk that is not full', async (t) => {
  const { records, places, failure } = await split('[1,\n2,\n3 4]', { format: 'json', maxRecords: 2 });
  t.same(
    records.map((record) => record.text),
    ['1', '2', '3'],
  );
  t.same(
    places.map((place) => [place.firstRecord, place.records, place.byteStart, place.byteEnd]),
    [
      [1, 2, 0, 5],
      [3, 1, 5, 8],
    ],
  );
  t.match(failure, { code: 'malformed_json', message: /comma/, line: 3 });
});

t.test('a record that is too long is rejected with its line, without its bytes', async (t) => {
  const long = 'x'.repeat(101);
  const listedBothWays = async (text: string, format: 'csv' | 'ndjson' | 'json') => {
    const options: SplitOptions = { maxRecordBytes: 100, format };
    const whole = await listed(text, options);
    const bytes = Buffer.from(text);
    assert.deepEqual(await listed(cutAt(bytes, [...bytes.keys()]), options), whole, text);
    return whole;
  };
  const csv = async (text: string) => await listedBothWays(header + text, 'csv');
  const ndjson = async (text: string) => await listedBothWays(text, 'ndjson');
  const json = async (text: string) => await listedBothWays(text, 'json');
  t.same(await csv(`1,a\n2,${long}\n3,c\n`), ['2: 1,a', '3! tooLong: ', '4: 3,c']);
  t.same(await csv(`1,"${long}"\n2,b\n`), ['2! tooLong: ', '3: 2,b'], 'in quotes');
  t.same(await csv(`1,"${long}\n2,b\n`), ['2! tooLong: ', '3: 2,b'], 'in quotes that are not closed');
  t.same(await csv(`1,"a"b${long}\n2,b\n`), ['2! tooLong: ', '3: 2,b'], 'with a fault besides');
  t.same(await csv(`1,"a\nb",${long}\n2,b\n`), ['2! tooLong: ', '4: 2,b'], 'past a quoted line break');
  t.same(
    await csv(`1,"a\n${long}",\n2,b\n`),
    ['2! unclosedQuote: 1,"a', '3! tooLong: ', '4: 2,b'],
    'quotes over lines that reach the limit count as not closed',
  );
  for (const lineBreak of ['\n', '\r\n', '']) {
    const exact = 'x'.repeat(98);
    t.same(await csv(`1,${exact}${lineBreak}`), [`2: 1,${exact}`], 'the line break does not count');
    t.same(await csv(`1,x${exact}${lineBreak}`), ['2! tooLong: ']);
    t.same(await csv(`1,"${exact}"${lineBreak}`), ['2! tooLong: ']);
  }
  t.same(await ndjson(`{}\n   ${long}\r\n\n{}`), ['1: {}', '2! tooLong: ', '4: {}']);
  t.same(await ndjson(`${' '.repeat(300)}${'x'.repeat(100)}\r\n${long}`), [`1: ${'x'.repeat(100)}`, '2! tooLong: ']);
  t.same(await json(`[1,{"a":"${long}",\n"b":[{}]},\n"${long}",${long},${' '.repeat(200)}2]`), [
    '1: 1',
    '1! tooLong: ',
    '3! tooLong: ',
    '3! tooLong: ',
    '3: 2',
  ]);
  t.same(await json(`[1,\n{"a":"${long}\n\n`), ['1: 1', 'malformed_json 2'], 'one that is not whole is none');
});

t.test('a chunk ends with its last permitted record, or before the one that would make it too large', async (t) => {
  const text = `${header}1,a\n2,b\n3,"c\nc"\n\n4,d\n`;
  const places = async (options: SplitOptions) =>
    (await split(text, options)).places.map(({ records, firstLine, lastLine, byteEnd }) => [
      records,
      firstLine,
      lastLine,
      byteEnd,
    ]);
  t.same(await places({}), [[4, 1, 7, 29]]);
  t.same(await places({ maxRecords: 1 }), [
    [1, 1, 2, 12],
    [1, 3, 3, 16],
    [1, 4, 5, 24],
    [1, 6, 7, 29],
  ]);
  t.same(
    await places({ maxRecords: 3 }),
    [
      [3, 1, 5, 24],
      [1, 6, 7, 29],
    ],
    'an empty line belongs to the chunk that follows',
  );
  t.same(await places({ maxChunkBytes: 7 }), [
    [2, 1, 3, 16],
    [1, 4, 5, 24],
    [1, 6, 7, 29],
  ]);
  t.same(await places({ maxChunkBytes: 6 }).then((all) => all.map(([records]) => records)), [1, 1, 1, 1]);
  t.same(
    await places({ maxChunkBytes: 1 }).then((all) => all.map(([records]) => records)),
    [1, 1, 1, 1],
    'one record always fits',
  );

  const json = await split('[1,\n2, 3,\n4]', { format: 'json', maxRecords: 2 });
  t.same(
    json.places.map((place) => [place.firstLine, place.lastLine]),
    [
      [1, 2],
      [2, 3],
    ],
    'elements may share a line',
  );
});

t.test('the buffers of a chunk are its own and can be transferred', async (t) => {
  const { chunks } = await split(`${header}1,a\n2,b\n3,c\n`, { maxRecords: 2 });
  for (const chunk of chunks) {
    const before = recordsOf(chunk);
    const moved = structuredClone(chunk, { transfer: [chunk.bytes.buffer, chunk.table.buffer] });
    t.same(recordsOf(moved), before);
    t.equal(chunk.bytes.byteLength, 0);
  }
  const empty = '\n'.repeat(1000);
  const gaps = await split(`${header}1,a\n${empty}2,b\n${empty}3,c\n${empty}4,d`, { maxRecords: 3 });
  t.same(
    gaps.chunks.map((chunk) => chunk.bytes.byteLength),
    [9, 3],
    'long gaps between records are left out',
  );
  t.same(
    gaps.records.map((record) => record.text),
    ['1,a', '2,b', '3,c', '4,d'],
  );
});

t.test('gzip', async (t) => {
  const options: SplitOptions = { format: 'ndjson', gzip: true };
  const [one, two] = ['{"a":1}\n', '{"b":2}\n'].map((text) => gzipSync(text)) as [Buffer, Buffer];
  const both = ['1: {"a":1}', '2: {"b":2}'];
  const joined = Buffer.concat([one, two]);
  for (let cut = 0; cut <= joined.length; cut++) {
    assert.deepEqual(await listed(cutAt(joined, [cut]), options), both, 'members that follow each other are one file');
  }
  t.same(await listed(Buffer.concat([one, two, Buffer.alloc(40_000)]), options), both, 'zeros at the end are padding');
  const damaged = [both[0], 'damaged_gzip 2'];
  t.same(await listed(Buffer.concat([one, Buffer.alloc(1000), two]), options), damaged, 'a member after zeros');
  t.same(await listed(Buffer.concat([one, Buffer.alloc(40_000), two]), options), damaged, 'however many');
  t.same(await listed(Buffer.concat([one, Buffer.from('{')]), options), damaged, 'something else after the end');
  t.match(
    await split('{"a":1}\n', options),
    { failure: { code: 'damaged_gzip', message: /header/ } },
    'no gzip at all',
  );
  t.same(await listed('', options), ['damaged_gzip'], 'an empty file is no gzip');
  t.same(await listed('', { ...options, format: 'csv' }), ['damaged_gzip'], 'nor one of CSV');

  const lines = Array.from({ length: 20_000 }, (_, index) => `{"n":${(index * 40_503) % 65_536}}`);
  const packed = gzipSync(lines.join('\n'));
  const cutOff = await split(packed.subarray(0, packed.length / 2), options);
  t.equal(cutOff.failure?.code, 'damaged_gzip', 'a file that was cut off');
  t.ok(cutOff.records.length > 5000 && cutOff.records.every((record, index) => record.text === lines[index]));
  t.equal(cutOff.failure?.line, cutOff.records.length + 1, 'the line that was not read');

  const limit = Buffer.byteLength(lines.slice(0, 7000).join('\n')) + 2;
  const limited = await split(packed, { ...options, maxUnpackedBytes: limit });
  t.match(limited.failure, {
    code: 'file_too_large',
    message: `the file is larger than ${limit} bytes when unpacked`,
    line: 7001,
  });
  t.equal(limited.records.length, 7000, 'what comes before the limit is handed out');
  const size = Buffer.byteLength(lines.join('\n'));
  t.equal((await split(packed, { ...options, maxUnpackedBytes: size })).failure, undefined);
  t.equal(
    (await split(lines.join('\n'), { format: 'ndjson', maxUnpackedBytes: 10 })).failure,
    undefined,
    'only of gzipped files',
  );

  t.equal(
    (await split(packed, { ...options, maxRecords: 1e6 })).chunks.at(-1)?.sourceEnd,
    packed.length,
    'progress is in compressed bytes',
  );
  t.equal((await split(`${header}1,a\n2,b\n`)).chunks[0]?.sourceEnd, 16, 'otherwise in bytes');
});

t.test('UTF-16 is refused by its name', async (t) => {
  for (const format of ['csv', 'ndjson', 'json'] as const) {
    const file = await split(Buffer.from('\uFEFFid,name\n', 'utf16le'), { format });
    t.match(file.failure, { code: 'unsupported_encoding', message: /UTF-16.*UTF-8/ });
  }
  t.same(await listed(Buffer.from([0xfe, 0xff, 0, 0x69])), ['unsupported_encoding 1'], 'big endian too');
  const texts = { csv: 'id,name\n', ndjson: '{"id":1}\n', json: '[\n{"id":1}]' } as const;
  for (const [format, text] of Object.entries(texts) as [keyof typeof texts, string][]) {
    const little = Buffer.from(text, 'utf16le');
    const blocks = cutAt(little, [1, 2, 3]);
    t.same(await listed(blocks, { format }), ['unsupported_encoding 1'], `${format} without a mark`);
    t.same(await listed(Buffer.from(little).swap16(), { format }), ['unsupported_encoding 1'], 'big endian too');
  }
  t.same(await listed('{\0}\n{}\n', { format: 'ndjson' }), ['1: {\0}', '2: {}'], 'one NUL is no UTF-16');
});

t.test('the source is ended with the reading', async (t) => {
  const endless = () =>
    streamOf(
      (async function* () {
        yield Buffer.from(header);
        for (let id = 0; ; id++) yield Buffer.from(`${id},name\n`);
      })(),
    );
  await t.test('when the consumer stops early', async (t) => {
    const source = endless();
    const { chunks } = await openRecords(source, withDefaults({ maxRecords: 10 }));
    for await (const chunk of chunks) if (chunk.index === 3) break;
    t.ok(source.destroyed);
  });
  await t.test('when the signal aborts: its reason is thrown', async (t) => {
    const source = endless();
    const controller = new AbortController();
    const reason = new Error('stop');
    const { chunks } = await openRecords(source, withDefaults({ maxRecords: 10, signal: controller.signal }));
    let records = 0;
    await t.rejects(async () => {
      for await (const chunk of chunks) {
        records += chunk.records;
        if (chunk.index === 3) controller.abort(reason);
      }
    }, reason);
    t.equal(records, 40, 'a chunk that is not full is not handed out');
    t.ok(source.destroyed);
  });
  await t.test('when the signal aborts while the source is silent, gzipped or not', async (t) => {
    for (const gzip of [false, true]) {
      const source = new Readable({ read() {} });
      const controller = new AbortController();
      const opening = openRecords(source, withDefaults({ gzip, signal: controller.signal }));
      source.push(Buffer.from([0x1f]));
      controller.abort();
      await t.rejects(opening, { name: 'AbortError' });
      t.ok(source.destroyed);
    }
  });
  await t.test('when the signal had aborted before', async (t) => {
    const source = endless();
    await t.rejects(openRecords(source, withDefaults({ signal: AbortSignal.abort(new Error('early')) })), {
      message: 'early',
    });
    t.ok(source.destroyed);
  });
});

t.test("the source's own errors pass through; what was not complete is left to the next attempt", async (t) => {
  const gone = createReadStream(join(import.meta.dirname, 'no-such-file'));
  await t.rejects(openRecords(gone, withDefaults({})), { code: 'ENOENT' });
  for (const gzip of [false, true]) {
    const failure = Object.assign(new Error('read failed'), { code: 'EIO' });
    const text = Buffer.from('1\n2\n3\n');
    const source = streamOf(
      (async function* () {
        yield gzip ? Buffer.concat([gzipSync(text), Buffer.alloc(20_000)]) : text;
        throw failure;
      })(),
    );
    const { chunks } = await openRecords(source, withDefaults({ format: 'ndjson', gzip, maxRecords: 2 }));
    const found: string[] = [];
    await t.rejects(async () => {
      for await (const chunk of chunks) found.push(...recordsOf(chunk).map((record) => record.text));
    }, failure);
    t.same(found, ['1', '2']);
  }
});

t.test('reading takes time in proportion to the file, whatever it holds', { timeout: 60_000 }, async (t) => {
  const limits: SplitOptions = { maxRecordBytes: 8 * mebibyte, maxRecords: 100_000 };
  const strays = (line: string) => header + line.repeat(mebibyte / line.length);
  const lines = async (line: string) => (await split(strays(line), limits)).records;
  const neverClosed = await lines('b",c,"xxxxx\n');
  t.ok(
    neverClosed.every((record) => record.fault === 'unclosedQuote'),
    'a quote in every line that is never closed',
  );
  const broken = await lines('1,"a\n');
  t.ok(
    broken.slice(0, -1).every((record) => record.fault === 'afterQuote'),
    'a stray quote in every line',
  );
  t.equal(broken.at(-1)?.fault, 'unclosedQuote');

  const long = Buffer.alloc(8 * mebibyte, 'x');
  const blocks = (bytes: Buffer) =>
    cutAt(
      bytes,
      Array.from({ length: 8192 }, (_, index) => index * 1024),
    );
  t.same(
    await listed(blocks(Buffer.concat([Buffer.from(`${header}"`), long])), limits),
    ['2! tooLong: '],
    'a long quoted field in small blocks',
  );
  t.same(
    await listed(blocks(Buffer.concat([Buffer.from(header), long])), limits).then((list) => list.length),
    1,
    'a long line',
  );
  t.same(await listed(blocks(Buffer.concat([Buffer.from('["'), long])), { ...limits, format: 'json' }), [
    'malformed_json 1',
  ]);
});

t.test('memory does not grow with the file', async (t) => {
  const comment = Buffer.from(`{"id":"${'0'.repeat(36)}","body":"${'word '.repeat(40)}"},`);
  const megabyte = Buffer.concat(Array.from({ length: 4000 }, () => comment));
  const files: Record<string, [Buffer, Buffer, SplitOptions]> = {
    'one array on a single line': [Buffer.from('['), megabyte, { format: 'json' }],
    'a record that never ends': [Buffer.from('["'), Buffer.alloc(mebibyte, 'x'), { format: 'json' }],
    'nothing but white space': [Buffer.from('['), Buffer.alloc(mebibyte, ' \n'), { format: 'json' }],
    'nothing but empty lines': [Buffer.from(`${header}1,a\n`), Buffer.alloc(mebibyte, '\n'), { maxRecords: 15_000 }],
    'a quote that is never closed': [
      Buffer.from(`${header}"a\n`),
      Buffer.alloc(mebibyte, `${'x'.repeat(99)}\n`),
      { maxRecords: 15_000 },
    ],
  };
  for (const [name, [start, repeated, options]] of Object.entries(files)) {
    const before = liveBytes();
    let peak = 0;
    const source = streamOf(
      (function* () {
        yield start;
        for (let times = 0; times < 80; times++) {
          if (times % 10 === 9) peak = Math.max(peak, liveBytes() - before);
          yield repeated;
        }
      })(),
    );
    const limits = { maxChunkBytes: 2 * mebibyte, maxRecordBytes: 8 * mebibyte };
    const file = await openRecords(source, withDefaults({ ...options, ...limits }));
    try {
      for await (const _ of file.chunks);
    } catch (error) {
      t.match(error, { code: 'malformed_json' });
    }
    t.ok(peak < 40 * mebibyte, `${name}: ${(peak / mebibyte).toFixed()} MiB`);
  }
});

/** What is in use once everything that can be is given up. */
function liveBytes(): number {
  // The second one waits for what the first one still frees in the background.
  collectGarbage();
  collectGarbage();
  return process.memoryUsage().arrayBuffers;
}

t.test('the sample files have as many records as they should', async (t) => {
  const samples = {
    users: ['users_huge.csv', 10_000],
    articles: ['articles_huge.ndjson', 15_000],
    comments: ['comments_huge.ndjson', 20_000],
  } as const;
  for (const [name, [file, expected]] of Object.entries(samples)) {
    const source = createReadStream(join(import.meta.dirname, '../../testdata', file));
    const format = file.endsWith('.csv') ? 'csv' : 'ndjson';
    const { chunks } = await openRecords(source, withDefaults({ resource: resourceNamed(name), format }));
    let records = 0;
    for await (const chunk of chunks) records += chunk.records;
    t.equal(records, expected, file);
  }
});
