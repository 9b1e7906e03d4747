// Real files of testdata/ and what becomes of them when bytes are changed, lost, doubled or put in.
import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { type Format, formats } from '../../src/resources/formats.ts';
import { awkward } from './hostile-text.ts';

export interface FuzzedFile {
  resource: string;
  format: Format;
  gzip: boolean;
  bytes: Buffer;
}

const sources = [
  ['users', 'users_huge.csv'],
  ['articles', 'articles_huge.ndjson'],
  ['comments', 'comments_huge.ndjson'],
  ['users', 'seed_users.csv'],
] as const;

/** The beginnings: a hundred lines hold every kind of fault that the generator makes. */
const beginnings = sources.map(([resource, name]) => {
  const text = readFileSync(new URL(`../../testdata/${name}`, import.meta.url), 'utf8');
  const lines = text.split('\n').slice(0, 100);
  const csv = name.endsWith('.csv');
  return { resource, csv, header: csv ? `${lines.shift()}\n` : '', lines: lines.filter((line) => line !== '') };
});

/** What means something to one of the formats, or to those who read them. */
const tokens = [
  ...awkward,
  '"',
  '""',
  '","',
  ',',
  ';',
  '\n',
  '\r',
  '{',
  '}',
  ':',
  '\\u0000',
  '\\ud800',
  '\\',
  'true',
  '"tags":[1,2,null]',
  '"id":{"a":[]},',
].map((token) => Buffer.from(token));
const noCharacters = [
  Buffer.from([0xff]),
  Buffer.from([0xc3]),
  Buffer.from([0xed, 0xa0, 0x80]),
  Buffer.from([0xf4, 0x90]),
];
const inserted = fc.oneof(
  fc.constantFrom(...tokens, ...noCharacters),
  fc.uint8Array({ maxLength: 8 }).map(Buffer.from),
);

export interface Change {
  kind: 'insert' | 'delete' | 'flip' | 'double' | 'cut' | 'run';
  at: number;
  length: number;
  bytes: Buffer;
}

export const change: fc.Arbitrary<Change> = fc.record({
  kind: fc.constantFrom('insert', 'insert', 'insert', 'delete', 'flip', 'double', 'cut', 'run'),
  /** As part of the file's length. */
  at: fc.double({ min: 0, max: 1, noNaN: true }),
  length: fc.integer({ min: 1, max: 60 }),
  bytes: inserted,
});

export function applyChange(file: Buffer, { kind, at, length, bytes }: Change): Buffer {
  const start = Math.floor(at * file.length);
  const before = file.subarray(0, start);
  const after = file.subarray(start);
  switch (kind) {
    case 'insert':
      return Buffer.concat([before, bytes, after]);
    case 'delete':
      return Buffer.concat([before, after.subarray(length)]);
    case 'double':
      return Buffer.concat([before, after.subarray(0, length), after]);
    case 'run':
      return Buffer.concat([before, ...Array<Buffer>(length).fill(bytes), after]);
    case 'cut':
      // Most files end late: what is cut early has little left to test.
      return at > 0.8 ? before : file;
    case 'flip': {
      const flipped = Buffer.from(file);
      if (start < flipped.length) flipped[start] = flipped[start]! ^ (1 << (length % 8));
      return flipped;
    }
  }
}

export const mutatedFile: fc.Arbitrary<FuzzedFile> = fc
  .record({
    beginning: fc.constantFrom(...beginnings),
    from: fc.nat(80),
    count: fc.integer({ min: 1, max: 20 }),
    form: fc.constantFrom('own', 'own', 'own', 'array', ...formats),
    changes: fc.array(change, { maxLength: 6 }),
    gzip: fc.constantFrom('no', 'no', 'no', 'whole', 'damaged'),
    damage: change,
  })
  .map(({ beginning: { resource, csv, header, lines }, from, count, form, changes, gzip, damage }) => {
    const chosen = lines.slice(from, from + count);
    const isArray = form === 'array' && !csv;
    const own = isArray ? 'json' : csv ? 'csv' : 'ndjson';
    const text = isArray ? `[${chosen.join(',\n')}]\n` : `${header}${chosen.join('\n')}\n`;
    const changed = changes.reduce(applyChange, Buffer.from(text));
    const packed = gzip === 'no' ? changed : gzipSync(changed);
    return {
      resource,
      format: form === 'own' || form === 'array' ? own : form,
      gzip: gzip !== 'no',
      bytes: gzip === 'damaged' ? applyChange(packed, damage) : packed,
    };
  });
