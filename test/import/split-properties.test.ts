// The splitter against plain references, on text in which everything that matters meets often.
import assert from 'node:assert/strict';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import papa from 'papaparse';
import t from 'tap';
import { cutAt, type SplitOptions, split } from './split.ts';
import { csvRecords, ndjsonRecords } from './split-reference.ts';

const header = 'id,name\n';

const textOf = (characters: string, maxLength = 40) =>
  fc.array(fc.constantFrom(...characters), { maxLength }).map((array) => array.join(''));

const limits = fc.record({
  maxRecords: fc.integer({ min: 1, max: 5 }),
  maxChunkBytes: fc.integer({ min: 1, max: 30 }),
  maxRecordBytes: fc.integer({ min: 1, max: 20 }),
});
const positions = fc.array(fc.nat(200), { maxLength: 8 });

const csvText = fc.oneof(textOf('a,"\n'), textOf('a,"\n\r', 60), textOf('"",,\n', 80));
const ndjsonText = textOf('a{" \t\r\n\n', 60);
const jsonText = fc.oneof(
  textOf('[]{}",\\1 \n', 30).map((text) => `[${text}`),
  fc.array(textOf('[]{}",\\1 \n', 8), { maxLength: 6 }).map((texts) => JSON.stringify(texts, null, 1)),
);

t.test('CSV is cut as the rules say, whatever its quotes, line breaks and limits', async () => {
  await fc.assert(
    fc.asyncProperty(csvText, limits, positions, async (text, options, cuts) => {
      const { records, failure } = await split(cutAt(Buffer.from(header + text), cuts), options);
      assert.equal(failure, undefined);
      assert.deepEqual(records, csvRecords(text, 2, ',', options.maxRecordBytes));
    }),
    { numRuns: 1500 },
  );
});

t.test('well-formed CSV is cut where papaparse sees its records', async () => {
  const cell = fc.oneof(textOf('ab ,;"\n\r\t', 12), fc.string({ unit: 'grapheme', maxLength: 6 }));
  const rows = fc.array(fc.array(cell, { minLength: 2, maxLength: 3 }), { maxLength: 12 });
  const writing = fc.record({
    delimiter: fc.constantFrom(',' as const, ';' as const, '\t' as const),
    newline: fc.constantFrom('\n', '\r\n'),
    quotes: fc.boolean(),
    lastEnded: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(rows, writing, positions, async (cells, { delimiter, newline, quotes, lastEnded }, cuts) => {
      const all = [['id', 'name'], ...cells];
      // A record of nothing is an empty line when it is not in quotes, and a lone carriage return needs them too.
      const text = papa.unparse(all, {
        delimiter,
        newline,
        quotes: quotes || /\r|(^|\n)\s/.test(cells.flat().join('\n')),
      });
      const file = await split(cutAt(Buffer.from(text + (lastEnded ? newline : '')), cuts), { maxRecords: 3 });
      assert.equal(file.csv?.delimiter, delimiter);
      assert.deepEqual(
        file.records.map((record) => papa.parse<string[]>(record.text, { delimiter, newline: '\n' }).data[0]),
        cells,
      );
      assert.ok(file.records.every((record) => record.fault === undefined));
      let line = 2;
      for (const record of file.records) {
        assert.equal(record.line, line);
        line += record.text.split('\n').length;
      }
    }),
    { numRuns: 200 },
  );
});

t.test('NDJSON is cut at line feeds, whatever stands between them', async () => {
  await fc.assert(
    fc.asyncProperty(ndjsonText, limits, positions, async (text, options, cuts) => {
      const { records, failure } = await split(cutAt(Buffer.from(text), cuts), { ...options, format: 'ndjson' });
      assert.equal(failure, undefined);
      assert.deepEqual(records, ndjsonRecords(text, options.maxRecordBytes));
    }),
    { numRuns: 500 },
  );
});

t.test('the elements of a JSON array are those that JSON.parse sees, each with its line', async () => {
  const gap = textOf(' \n\r\t', 4);
  const element = fc.tuple(gap, fc.jsonValue({ maxDepth: 2 }), fc.nat(3), gap);
  await fc.assert(
    fc.asyncProperty(
      fc.array(element, { maxLength: 8 }),
      gap,
      gap,
      positions,
      async (elements, before, after, cuts) => {
        const written = elements.map(([left, value, indent, right]) => [
          left,
          JSON.stringify(value, null, indent),
          right,
        ]);
        const text = `${before}[${written.map((parts) => parts.join('')).join(',')}${after}]${after}`;
        const file = await split(cutAt(Buffer.from(text), cuts), { format: 'json', maxRecords: 2 });
        assert.equal(file.failure, undefined);
        assert.deepEqual(
          file.records.map((record) => JSON.parse(record.text)),
          JSON.parse(text),
        );
        let passed = `${before}[`;
        for (const [index, [left, value, right]] of written.entries()) {
          assert.equal(file.records[index]?.text, value, 'without what stands around it');
          assert.equal(file.records[index]?.line, `${passed}${left}`.split('\n').length);
          passed += `${left}${value}${right},`;
        }
      },
    ),
    { numRuns: 200 },
  );
});

t.test('where a file is cut depends on its bytes, not on how they come in', async (t) => {
  const kinds: [string, fc.Arbitrary<string>, SplitOptions][] = [
    ['CSV', csvText.map((text) => header + text), { format: 'csv' }],
    ['CSV header', textOf('id,name\n"; \r', 40).map((text) => `${text}\nid,name\n1,2`), { format: 'csv' }],
    ['NDJSON', ndjsonText, { format: 'ndjson' }],
    ['JSON', jsonText, { format: 'json' }],
  ];
  for (const [name, texts, format] of kinds) {
    await t.test(name, async () => {
      await fc.assert(
        fc.asyncProperty(texts, limits, positions, fc.boolean(), async (text, options, cuts, marked) => {
          const bytes = Buffer.from((marked ? '\uFEFF' : '') + text);
          const whole = outcome(await split(bytes, { ...options, ...format }));
          const everyByte = bytes.length > 0 ? cutAt(bytes, [...bytes.keys()]) : [bytes];
          for (const blocks of [everyByte, cutAt(bytes, cuts)]) {
            assert.deepEqual(outcome(await split(blocks, { ...options, ...format })), whole);
          }
          const packed = cutAt(gzipSync(bytes), cuts);
          assert.deepEqual(outcome(await split(packed, { ...options, ...format, gzip: true })), whole);
        }),
        { numRuns: name === 'CSV' ? 200 : 80 },
      );
    });
  }
});

t.test('which records a damaged gzip still gives does not depend on how it comes in either', async () => {
  const lines = Array.from({ length: 4000 }, (_, index) => `{"id":"${(index * 2654435761) % 4294967296}"}\n`).join('');
  const good = gzipSync(lines);
  await fc.assert(
    fc.asyncProperty(fc.nat(good.length - 1), fc.boolean(), positions, async (at, truncated, cuts) => {
      const packed = truncated ? good.subarray(0, at) : Buffer.from(good);
      if (!truncated) packed[at] = packed[at]! ^ 0x55;
      const options: SplitOptions = { format: 'ndjson', gzip: true, maxRecords: 300 };
      const whole = outcome(await split(packed, options));
      const spread = cuts.map((cut) => Math.floor((cut * packed.length) / 200));
      assert.deepEqual(outcome(await split(cutAt(packed, spread), options)), whole);
      const found = whole.records.map((record) => `${record.text}\n`).join('');
      assert.ok(truncated ? lines.startsWith(found) && whole.failure?.code === 'damaged_gzip' : true);
    }),
    { numRuns: 60 },
  );
});

/** Everything but buffers and progress. */
function outcome({ chunks, ...rest }: Awaited<ReturnType<typeof split>>) {
  return { ...rest, bytes: chunks.map((chunk) => Buffer.from(chunk.bytes).toString('latin1')) };
}
