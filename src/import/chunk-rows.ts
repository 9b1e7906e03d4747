// Reads single rows out of a parsed chunk: its COPY text, and where each row stood in the file.
import type { ParsedChunk } from '../../workers/messages.ts';
import type { Resource } from '../resources/resource.ts';

/** Where the row's record stands in the file. */
export function placeOf(chunk: ParsedChunk, row: number): { record: number; line: number } {
  return { record: chunk.rowRecords[row] as number, line: chunk.rowLines[row] as number };
}

const escapes: Record<string, string> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' };

/** The text of one column of one row; null for NULL. Undoes the escapes of COPY's text format. */
export function readColumn(resource: Resource, chunk: ParsedChunk, row: number, field: string): string | null {
  const line = new TextDecoder().decode(
    chunk.copy.subarray(chunk.rowStarts[row], (chunk.rowStarts[row + 1] as number) - 1),
  );
  const text = line.split('\t')[Object.keys(resource.fields).indexOf(field)] ?? '\\N';
  return text === '\\N' ? null : text.replace(/\\(.)/gs, (_, char: string) => escapes[char] ?? char);
}

/** The COPY text of rows `from` (inclusive) to `to` (exclusive), less those that are not accepted. */
export function selectRows(chunk: ParsedChunk, accepted: Uint8Array | null, from: number, to: number): Uint8Array {
  const { copy, rowStarts } = chunk;
  const whole = copy.subarray(rowStarts[from], rowStarts[to]);
  if (accepted?.subarray(from, to).includes(0) !== true) return whole;
  const selected = new Uint8Array(whole.length);
  let length = 0;
  for (let row = from; row < to; row++) {
    if (accepted[row] === 0) continue;
    const text = copy.subarray(rowStarts[row], rowStarts[row + 1]);
    selected.set(text, length);
    length += text.length;
  }
  return selected.subarray(0, length);
}
