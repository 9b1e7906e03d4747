// Reads single rows out of a parsed chunk: the values of COPY's binary format, and where each row stood in the file.
import { type ParsedChunk, recordStride } from '../../workers/messages.ts';
import { readUuid } from '../../workers/uuid-text.ts';
import type { Field, Resource } from '../resources/resource.ts';

/** Where the row's record stands in the file. */
export function placeOf(
  { firstRecord, rowRecords, table }: ParsedChunk,
  row: number,
): { record: number; line: number } {
  const position = rowRecords[row] as number;
  return { record: firstRecord + position, line: table[position * recordStride + 2] as number };
}

/** The rows' numbers in the order of their records. */
export function inFileOrder({ rowRecords, table }: ParsedChunk): number[] {
  const rowOfRecord = new Int32Array(table.length / recordStride).fill(-1);
  for (const [row, record] of rowRecords.entries()) rowOfRecord[record] = row;
  return [...rowOfRecord].filter((row) => row >= 0);
}

/** Reads the values of one field, which is a UUID or text, row by row: null for NULL. */
export function valueReader(
  resource: Resource,
  { copy, rowStarts }: ParsedChunk,
  field: string,
): (row: number) => string | null {
  const position = Object.keys(resource.fields).indexOf(field);
  const { type } = resource.fields[field] as Field;
  const bytes = Buffer.from(copy.buffer, copy.byteOffset, copy.byteLength);
  return (row) => {
    // After the number of columns, each value lies behind its length, which is -1 for NULL.
    let at = (rowStarts[row] as number) + 2;
    for (let n = 0; n < position; n++) at += 4 + Math.max(0, bytes.readInt32BE(at));
    const length = bytes.readInt32BE(at);
    if (length < 0) return null;
    return type === 'uuid' ? readUuid(bytes, at + 4) : bytes.toString('utf8', at + 4, at + 4 + length);
  };
}

/** Those rows, one behind the other. */
export function selectRows({ copy, rowStarts }: ParsedChunk, rows: readonly number[]): Uint8Array {
  const lengths = rows.map((row) => (rowStarts[row + 1] as number) - (rowStarts[row] as number));
  const selected = new Uint8Array(lengths.reduce((sum, length) => sum + length, 0));
  let length = 0;
  for (const [n, row] of rows.entries()) {
    selected.set(copy.subarray(rowStarts[row], rowStarts[row + 1]), length);
    length += lengths[n] as number;
  }
  return selected;
}
