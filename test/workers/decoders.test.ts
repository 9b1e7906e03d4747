// The decoders against what they must agree with: papaparse, JSON, and the plain checker of the files in testdata/.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import fc from 'fast-check';
import papa from 'papaparse';
import t from 'tap';
import { resourceNamed } from '../../src/resources/index.ts';
import { defineResource } from '../../src/resources/resource.ts';
import { ChunkText } from '../../workers/chunk-text.ts';
import { CsvDecoder } from '../../workers/decode-csv.ts';
import { jsonSource } from '../../workers/json-source.ts';
import { recordFaults } from '../../workers/messages.ts';
import { split, things } from '../import/split.ts';
import { check } from '../reference-checker.ts';
import { csvRecord, layoutOf, parse } from './chunks.ts';

const notes = defineResource({
  name: 'notes',
  singular: 'note',
  fields: {
    id: { type: 'uuid' },
    first: { type: 'text', default: null },
    second: { type: 'text', default: null },
    words: { type: 'text[]', default: [] },
  },
  keys: ['id'],
});
const id = '00000000-0000-4000-8000-000000000001';
const delimiters = fc.constantFrom(',', ';', '\t');

/** Text with much of what is special to one format or the other, and storable. */
const text = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        '"',
        '""',
        ',',
        ';',
        '\t',
        '\n',
        '\r\n',
        '\\',
        '\\N',
        '\\.',
        "'",
        '{',
        '}',
        'a',
        ' ',
        '\ufeff',
        '\u2028',
        'é',
        '🦉',
      ),
      fc.string({ unit: 'binary', maxLength: 3 }),
    ),
    { maxLength: 8 },
  )
  .map((pieces) => pieces.join('').replaceAll('\0', '').toWellFormed());
const stored = (value: string) => (/\S/.test(value) ? value : null);

t.test('a line without quotes is cut as papaparse cuts it', async (t) => {
  const line = text.map((value) => value.replace(/["\n]/g, '').replace(/\r$/, ''));
  fc.assert(
    fc.property(fc.array(line, { minLength: 1, maxLength: 5 }), delimiters, (records, delimiter) => {
      const columns = ['id', 'first', 'second', 'words'];
      const lines = records.map((record) => `${id}${delimiter}${record}${delimiter}[]`);
      const { rows, errors } = parse(notes, {
        format: 'csv',
        csv: layoutOf(notes, columns, delimiter),
        records: lines,
      });
      const expected = lines.map((one) => papa.parse<string[]>(one, { delimiter, newline: '\n' }).data[0] ?? []);
      t.same(
        rows.map(({ first, second }) => [first, second]),
        expected
          .filter((cells) => cells.length === 4 && (!stored(cells[3] ?? '') || cells[3]?.trim() === '[]'))
          .map((cells) => cells.slice(1, 3).map(stored)),
      );
      t.same(
        errors.filter(({ field }) => field === 'csv').map(({ message }) => message),
        expected.filter(({ length }) => length !== 4).map(({ length }) => `expected 4 columns, found ${length}`),
      );
    }),
  );
});

t.test('whatever records the splitter lets through are cut as papaparse cuts them', async () => {
  const special = fc.array(fc.constantFrom('"', '""', ',', ';', '\t', '\n', '\r', ' ', 'a', '\ufeff', 'é'), {
    maxLength: 8,
  });
  const raw = special.map((pieces) => pieces.join(''));
  const cell = fc.oneof(
    raw,
    raw.map((value) => `"${value.replaceAll('"', '""')}"`),
  );
  const lines = fc.array(fc.array(cell, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 6 });
  await fc.assert(
    fc.asyncProperty(lines, delimiters, async (cells, delimiter) => {
      const header = Object.keys(things.fields).join(delimiter);
      const file = [header, ...cells.map((line) => line.join(delimiter))].join('\n');
      const { chunks, csv } = await split(file, { resource: things, delimiter, maxRecords: 3 });
      for (const { bytes, table } of chunks) {
        const text = new ChunkText(bytes, table);
        const decoder = new CsvDecoder(text, things, csv!);
        for (let record = 0; record < text.records; record++) {
          if (text.fault(record) !== recordFaults.none) continue;
          // Papaparse drops a BOM at the very beginning: a line of its own keeps it from the record.
          const { data } = papa.parse<string[]>(`\n${text.text(record)}`, { delimiter, newline: '\n' });
          const expected = data[1] as string[];
          const values = Object.keys(things.fields).map((): unknown => undefined);
          const unreadable = decoder.decode(record, values);
          if (expected.length === values.length)
            assert.deepEqual(
              values.map((value) => value ?? null),
              expected.map(stored),
            );
          else assert.equal(unreadable?.message, `expected ${values.length} columns, found ${expected.length}`);
        }
      }
    }),
    { numRuns: 1500 },
  );
});

t.test('any text comes through CSV, NDJSON and JSON alike, whatever its neighbours hold', async (t) => {
  const record = fc.record({ first: text, second: text, words: fc.array(text, { maxLength: 4 }) });
  fc.assert(
    fc.property(fc.array(record, { maxLength: 6 }), delimiters, fc.boolean(), (records, delimiter, quoteAll) => {
      const columns = ['words', 'second', 'ignored', 'id', 'first'];
      const lines = records.map(({ first, second, words }) => {
        const cells = [JSON.stringify(words), second, first, id, first];
        return quoteAll
          ? cells.map((cell) => `"${cell.replaceAll('"', '""')}"`).join(delimiter)
          : csvRecord(cells, delimiter);
      });
      const fromCsv = parse(notes, { format: 'csv', csv: layoutOf(notes, columns, delimiter), records: lines });
      const fromJson = parse(notes, {
        format: 'ndjson',
        records: records.map(({ first, second, words }) =>
          JSON.stringify({ second, first, words, id }, null, '\r\n\t'),
        ),
      });
      t.same(fromCsv.errors, []);
      t.same(fromCsv.rows, fromJson.rows);
      t.same(Buffer.from(fromCsv.parsed.copy), Buffer.from(fromJson.parsed.copy));
      t.same(
        fromCsv.rows.map(({ first, second }) => [first, second]),
        records.map(({ first, second }) => [stored(first), stored(second)]),
      );
    }),
  );
});

t.test('the text of a property is found as JSON.parse finds its value', async () => {
  const name = fc.constantFrom('a', 'é"\\', '__proto__', '', ',}');
  const value = fc.jsonValue({ maxDepth: 3 }).map((one) => JSON.stringify(one, null, '\n '));
  fc.assert(
    fc.property(fc.array(fc.tuple(name, fc.boolean(), value), { maxLength: 8 }), (properties) => {
      const written = properties.map(([key, escaped, text]) => {
        const quoted = JSON.stringify(key);
        return `${escaped ? quoted.replace('a', '\\u0061') : quoted} :\t${text}`;
      });
      const text = ` {${written.join(' ,')} } `;
      for (const key of ['a', 'é"\\', '__proto__', '', ',}'])
        assert.equal(jsonSource(text, key), properties.findLast((property) => property[0] === key)?.[2]);
      JSON.parse(text);
    }),
  );
});

t.test('records of all lengths, of ASCII and of other characters, are each read from where they lie', async (t) => {
  // The decoder takes 32 KiB at once: some records are longer, some end with it, and what is no ASCII lies between.
  const lengths = [0, 1, 500, 32_600, 40_000, 20, 70_000, 32_768 - 100];
  const first = Array.from({ length: 400 }, (_, n) => {
    const long = n % 9 === 4 ? (lengths[((n / 9) % lengths.length) | 0] as number) : n % 300;
    return `${n} ${'x'.repeat(long)}${n % 11 === 5 ? 'é🦉' : ''}`;
  });
  const fromCsv = parse(notes, {
    format: 'csv',
    csv: layoutOf(notes, ['id', 'first']),
    records: first.map((value, n) => (n % 13 === 7 ? `"${id}","${value}"` : `${id},${value}`)),
  });
  const fromJson = parse(notes, {
    format: 'ndjson',
    records: first.map((value) => JSON.stringify({ id, first: value })),
  });
  for (const { rows } of [fromCsv, fromJson])
    t.ok(rows.every((row, n) => row.first === first[n]) && rows.length === 400);
});

t.test('a quote within a field is plain text', async (t) => {
  const cells = (line: string) => {
    const { rows } = parse(notes, {
      format: 'csv',
      csv: layoutOf(notes, ['id', 'first', 'second']),
      records: [`${id},${line}`],
    });
    return [rows[0]?.first, rows[0]?.second];
  };
  t.same(cells('12" pipe,x'), ['12" pipe', 'x']);
  t.same(cells(' "a",b"'), [' "a"', 'b"']);
  t.same(cells('"12"" pipe",""'), ['12" pipe', null]);
  t.same(cells('"a\r\nb, c",""""'), ['a\r\nb, c', '"']);
  t.same(cells('"é""""🦉",'), ['é""🦉', null]);
});

/** The records of CSV text as the checker reads it: a quote opens at the start of a field only. */
function splitCsv(csv: string): string[] {
  return (
    csv
      .trimEnd()
      .match(/(?:(?:"(?:[^"]|"")*"|[^",\n][^,\n]*|)(?:,|(?=\n|$)))*(?=\n|$)/gm)
      ?.filter((line) => line !== '') ?? []
  );
}

for (const resource of ['users', 'articles', 'comments']) {
  t.test(`the faulty file of ${resource}: the same rules are broken as in the eyes of the checker`, async (t) => {
    const definition = resourceNamed(resource);
    const csv = resource === 'users';
    const file = await readFile(
      new URL(`../../testdata/${resource}_huge.${csv ? 'csv' : 'ndjson'}`, import.meta.url),
      'utf8',
    );
    const [header = '', ...rest] = csv ? splitCsv(file) : ['', ...file.trimEnd().split('\n')];
    const { errors, parsed } = parse(definition, {
      format: csv ? 'csv' : 'ndjson',
      csv: csv ? layoutOf(definition, header.split(',')) : undefined,
      records: rest,
    });
    const { total, faults } = check(resource, file, { users: new Set(), articles: new Set() });
    const own = faults.filter(({ code }) => code !== 'duplicate' && code !== 'reference');
    t.equal(parsed.rows + parsed.rejected, total);
    const listed = (faults: { record: number; field: string | null; code: string }[]) =>
      faults.map(({ record, field, code }) => `${record} ${field} ${code}`).join('\n');
    t.equal(listed(errors), listed(own));
    t.ok(own.length > 500, `${own.length} of them`);
  });
}
