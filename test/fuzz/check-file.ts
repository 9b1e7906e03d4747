// What must hold of any file whatever, from its bytes to what would be sent to the database.
import assert from 'node:assert/strict';
import type { Format } from '../../src/resources/formats.ts';
import { resourceNamed } from '../../src/resources/index.ts';
import type { Chunk } from '../../workers/messages.ts';
import { parseChunk } from '../../workers/parse-chunk.ts';
import { cutAt, type SplitFile, split } from '../import/split.ts';
import { jobId, now, readErrors, readRows } from '../workers/chunks.ts';
import type { FuzzedFile } from './mutated-files.ts';

/** The faults of a file that a client is told of. */
export const faultsOfFiles: readonly string[] = [
  'empty_file',
  'unsupported_encoding',
  'malformed_header',
  'duplicate_column',
  'missing_columns',
  'malformed_json',
  'damaged_gzip',
  'file_too_large',
];

const limits = { maxRecordBytes: 20_000, maxUnpackedBytes: 2 ** 20 };

/** Fewer than most values have. */
const blockBytes = 13;

/** Splits and parses the file in small blocks and chunks, and in large ones. @throws AssertionError */
export async function checkFile({ resource: name, format, gzip, bytes }: FuzzedFile): Promise<void> {
  const resource = resourceNamed(name);
  const outcomes = [];
  const ends = Array.from({ length: Math.floor(bytes.length / blockBytes) }, (_, n) => (n + 1) * blockBytes);
  for (const { blocks, maxRecords } of [
    { blocks: cutAt(bytes, ends), maxRecords: 3 },
    { blocks: [bytes], maxRecords: 10_000 },
  ]) {
    const file = await split(blocks, { ...limits, resource, format, gzip, maxRecords });
    if (file.failure) assert.ok(faultsOfFiles.includes(file.failure.code ?? ''), file.failure.message);
    const parsed = file.chunks.map((chunk) => parse(chunk, file, name));
    outcomes.push({
      failure: file.failure,
      records: file.records,
      rows: parsed.flatMap(({ rows }) => rows),
      errors: parsed.flatMap(({ errors }) => errors),
    });
  }
  assert.deepEqual(outcomes[0], outcomes[1], 'the outcome does not depend on where the file is cut');
}

function parse(chunk: Chunk, { format, csv }: SplitFile, name: string): { rows: string[]; errors: string[] } {
  const resource = resourceNamed(name);
  const { records, firstRecord, bytes, table } = chunk;
  const place = { firstRecord, rowOrder: 'key' as const, bytes, table };
  const request = { jobId, resource: name, format: format as Format, csv, now, ...place };
  const parsed = parseChunk(request, resource);
  assert.equal(parsed.rows + parsed.rejected, records, 'each record is a row or rejected');
  const rows = readRows(resource, parsed);
  const errors = readErrors(parsed);
  assert.equal(rows.length, parsed.rows);
  assert.equal(errors.length, parsed.errors.count);
  assert.equal(new Set(errors.map(({ record }) => record)).size, parsed.rejected, 'a rejected record has a reason');
  for (const { record, line, value } of errors) {
    assert.ok(record >= firstRecord && record < firstRecord + records, `record ${record}`);
    assert.ok(line >= chunk.firstLine && line <= chunk.lastLine, `line ${line}`);
    assert.ok([...(value ?? '')].length <= 200, 'an excerpt');
  }
  const texts = [...rows, ...errors].map((values) => JSON.stringify(values));
  for (const value of [...rows, ...errors].flatMap((values) => Object.values<unknown>({ ...values }))) {
    if (typeof value === 'string') assert.ok(value.isWellFormed() && !value.includes('\0'), 'PostgreSQL can hold it');
  }
  return { rows: texts.slice(0, rows.length), errors: texts.slice(rows.length) };
}
