// Splits bytes as an import does, and checks on the way what holds of every chunk.
import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { createChunkMemory } from '../../src/import/chunk-memory.ts';
import { openRecords, type RecordOptions } from '../../src/import/split-records.ts';
import { defineResource } from '../../src/resources/resource.ts';
import { type Chunk, type CsvLayout, type RecordFault, recordFaults, recordStride } from '../../workers/messages.ts';

export const things = defineResource({
  name: 'things',
  singular: 'thing',
  fields: { id: { type: 'text' }, name: { type: 'text' }, note: { type: 'text', default: null } },
  keys: ['id'],
});

export interface SplitRecord {
  text: string;
  line: number;
  /** Named as in `recordFaults`; absent: none. */
  fault?: keyof typeof recordFaults;
}

export interface SplitFile {
  format?: string;
  csv?: CsvLayout;
  records: SplitRecord[];
  /** Without their buffers, and without what only says how far the source has been read. */
  places: Omit<Chunk, 'bytes' | 'table' | 'sourceEnd'>[];
  chunks: Chunk[];
  /** What opening the file, or going through its chunks, ended with. */
  failure?: { code?: string; message: string; line?: number };
}

export type SplitOptions = Partial<RecordOptions>;

export function withDefaults(options: SplitOptions): RecordOptions {
  return {
    resource: things,
    format: 'csv',
    gzip: false,
    maxRecords: 1000,
    maxChunkBytes: 2 ** 20,
    maxRecordBytes: 2 ** 20,
    maxUnpackedBytes: 2 ** 30,
    memory: createChunkMemory(2 ** 10, 2 ** 10, 4),
    signal: new AbortController().signal,
    ...options,
  };
}

/** A stream that hands out exactly these blocks. */
export function streamOf(blocks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Readable {
  return Readable.from(blocks, { objectMode: true });
}

/** The bytes in blocks that end at these positions. */
export function cutAt(bytes: Buffer, positions: number[]): Buffer[] {
  const ends = [...positions.map((position) => position % (bytes.length + 1)), bytes.length].sort((a, b) => a - b);
  return ends.map((end, index) => bytes.subarray(ends[index - 1] ?? 0, end));
}

/** @param file its text or bytes, or the blocks in which it is read. */
export async function split(file: string | Buffer | Buffer[], options: SplitOptions = {}): Promise<SplitFile> {
  const blocks = Array.isArray(file) ? file : [Buffer.from(file)];
  const source = streamOf(blocks);
  const result: SplitFile = { records: [], places: [], chunks: [] };
  const limits = withDefaults(options);
  try {
    const opened = await openRecords(source, limits);
    result.format = opened.format;
    result.csv = opened.csv;
    for await (const chunk of opened.chunks) {
      checkChunk(chunk, result.chunks.at(-1), opened.format, limits);
      const { bytes, table, sourceEnd, ...place } = chunk;
      result.chunks.push(chunk);
      result.places.push(place);
      result.records.push(...recordsOf(chunk));
    }
  } catch (error) {
    if (error instanceof assert.AssertionError) throw error;
    const { code, message, line } = error as NonNullable<SplitFile['failure']>;
    result.failure = { code, message, ...(line === undefined ? {} : { line }) };
  }
  assert.ok(source.destroyed, 'the source is destroyed at the end');
  return result;
}

export function recordsOf({ bytes, table }: Pick<Chunk, 'bytes' | 'table'>): SplitRecord[] {
  const text = Buffer.from(bytes);
  const records: SplitRecord[] = [];
  for (let at = 0; at < table.length; at += recordStride) {
    const [start, end, line, code] = table.subarray(at, at + recordStride) as unknown as [
      number,
      number,
      number,
      RecordFault,
    ];
    const fault = faultNamed(code);
    records.push({ text: text.toString('utf8', start, end), line, ...(fault === 'none' ? {} : { fault }) });
  }
  return records;
}

function faultNamed(code: RecordFault): keyof typeof recordFaults {
  const names = Object.keys(recordFaults) as (keyof typeof recordFaults)[];
  return names.find((name) => recordFaults[name] === code) as keyof typeof recordFaults;
}

/** What messages.ts and the limits promise of each chunk. */
function checkChunk(chunk: Chunk, before: Chunk | undefined, format: string, limits: RecordOptions): void {
  const { bytes, table, records } = chunk;
  assert.equal(chunk.index, before ? before.index + 1 : 0);
  assert.equal(chunk.firstRecord, before ? before.firstRecord + before.records : 1);
  assert.equal(chunk.byteStart, before ? before.byteEnd : 0, 'chunks touch');
  assert.ok(chunk.byteEnd > chunk.byteStart);
  // Elements of an array may share a line; other records end theirs.
  assert.equal(chunk.firstLine, before ? before.lastLine + (format === 'json' ? 0 : 1) : 1, 'no line is left out');
  assert.ok(records > 0 && records <= limits.maxRecords);
  const withBytes = recordsOf(chunk).filter((record) => record.text !== '').length;
  assert.ok(withBytes <= 1 || bytes.byteLength <= limits.maxChunkBytes, 'within the byte limit');
  assert.equal(table.length, records * recordStride);
  assert.ok(before?.bytes.buffer !== bytes.buffer && before?.table.buffer !== table.buffer, 'memory of its own');
  let [end, line] = [0, chunk.firstLine];
  for (let at = 0; at < table.length; at += recordStride) {
    const [from, to, startLine, fault] = table.subarray(at, at + recordStride) as unknown as number[];
    assert.ok(from! >= end && to! >= from! && to! <= bytes.byteLength, 'records in order, within the bytes');
    assert.ok(startLine! >= line && startLine! <= chunk.lastLine, 'lines in order, within the chunk');
    assert.ok(to! - from! <= limits.maxRecordBytes && (fault === recordFaults.tooLong) === (to === from));
    [end, line] = [to!, startLine!];
  }
}
