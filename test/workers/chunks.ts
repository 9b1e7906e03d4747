// Parse requests made from records of bytes, as the splitter would send them, and what came of them in readable form.
import { inFileOrder } from '../../src/import/chunk-rows.ts';
import type { Format } from '../../src/resources/formats.ts';
import type { Field, Resource } from '../../src/resources/resource.ts';
import {
  type CsvLayout,
  type ParsedChunk,
  type ParseRequest,
  type RecordFault,
  type RowOrder,
  recordFaults,
  recordStride,
} from '../../workers/messages.ts';
import { parseChunk } from '../../workers/parse-chunk.ts';

export const jobId = '00000000-0000-4000-8000-00000000000f';
export const now = '2024-07-01T12:00:00.000Z';

export interface SentRecord {
  text: string | Uint8Array;
  line?: number;
  fault?: RecordFault;
}

export interface Sending {
  format: Format;
  records: readonly (SentRecord | SentRecord['text'])[];
  csv?: CsvLayout;
  /** Default: by key. */
  rowOrder?: RowOrder;
  /** Default 1. */
  firstRecord?: number;
  /** Of the first record; each record is taken to be one line. Default: `firstRecord`, for a CSV one more. */
  firstLine?: number;
}

export function makeRequest(resource: Resource, sending: Sending): ParseRequest {
  const { format, csv, firstRecord = 1, rowOrder = 'key' } = sending;
  const firstLine = sending.firstLine ?? firstRecord + (format === 'csv' ? 1 : 0);
  const records = sending.records.map((record) =>
    typeof record === 'string' || record instanceof Uint8Array ? { text: record } : record,
  );
  const table = new Uint32Array(records.length * recordStride);
  const pieces: Uint8Array[] = [];
  let length = 0;
  for (const [n, { text, line = firstLine + n, fault = recordFaults.none }] of records.entries()) {
    const bytes = fault === recordFaults.tooLong ? new Uint8Array() : Buffer.from(text);
    table.set([length, length + bytes.length, line, fault], n * recordStride);
    pieces.push(bytes, Buffer.from('\n'));
    length += bytes.length + 1;
  }
  const bytes = new Uint8Array(Buffer.concat(pieces));
  return { jobId, resource: resource.name, format, csv, now, firstRecord, rowOrder, bytes, table };
}

export interface Rejection {
  record: number;
  line: number;
  field: string | null;
  code: string;
  message: string;
  value: string | null;
}

export interface Outcome {
  /** Of each row, in file order: its columns as text, null for NULL. */
  rows: Record<string, string | null>[];
  errors: Rejection[];
  parsed: ParsedChunk;
}

/** Parses the records in one chunk. */
export function parse(resource: Resource, sending: Sending): Outcome {
  const parsed = parseChunk(makeRequest(resource, sending), resource);
  return { rows: readRows(resource, parsed), errors: readErrors(parsed), parsed };
}

/** In file order. */
export function readRows(resource: Resource, parsed: ParsedChunk): Outcome['rows'] {
  return inFileOrder(parsed).map((row) => readRow(resource, parsed, row));
}

/** COPY's binary format, read as its manual page says. */
function readRow(resource: Resource, { copy, rowStarts }: ParsedChunk, row: number): Record<string, string | null> {
  const bytes = Buffer.from(copy.slice(rowStarts[row], rowStarts[row + 1]));
  const fields = Object.entries(resource.fields);
  if (bytes.readInt16BE(0) !== fields.length) throw new Error(`${bytes.readInt16BE(0)} columns in a row`);
  const columns: Record<string, string | null> = {};
  let at = 2;
  for (const [name, { type }] of fields) {
    const length = bytes.readInt32BE(at);
    at += 4;
    columns[name] = length < 0 ? null : readValue(type, bytes.subarray(at, at + length));
    at += Math.max(0, length);
  }
  if (at !== bytes.length) throw new Error(`a row of ${bytes.length} bytes that says it has ${at}`);
  return columns;
}

/** As PostgreSQL would write the value in COPY's text format; timestamps as RFC 3339, in UTC. */
function readValue(type: Field['type'], bytes: Buffer): string {
  switch (type) {
    case 'uuid':
      return bytes.toString('hex').replace(/(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
    case 'boolean':
      return bytes[0] === 1 ? 't' : 'f';
    case 'timestamp': {
      const micros = bytes.readBigInt64BE(0);
      const fraction = String(((micros % 1_000_000n) + 1_000_000n) % 1_000_000n).padStart(6, '0');
      const seconds = (micros - BigInt(fraction)) / 1_000_000n + 946_684_800n;
      return new Date(Number(seconds) * 1000).toISOString().replace('.000Z', `.${fraction}`.replace(/\.?0*$/, 'Z'));
    }
    case 'text[]': {
      const elements: string[] = [];
      const count = bytes.readInt32BE(0) === 0 ? 0 : bytes.readInt32BE(12);
      let at = 20;
      for (let n = 0; n < count; n++) {
        const length = bytes.readInt32BE(at);
        elements.push(text(bytes.subarray(at + 4, at + 4 + length)));
        at += 4 + length;
      }
      return `{${elements.map((element) => `"${element.replace(/["\\]/g, '\\$&')}"`).join(',')}}`;
    }
    default:
      return text(bytes);
  }
}

function text(bytes: Uint8Array): string {
  return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
}

export function readErrors({ errors }: Pick<ParsedChunk, 'errors'>): Rejection[] {
  return readCopy(errors.copy).map(([, record, , line, field, code, message, value]) => ({
    record: Number(record),
    line: Number(line),
    field: field ?? null,
    code: `${code}`,
    message: `${message}`,
    value: value ?? null,
  }));
}

/** COPY's text format, read as its manual page says. */
export function readCopy(copy: Uint8Array): (string | null)[][] {
  const lines = text(copy).split('\n');
  if (lines.pop() !== '') throw new Error('the last line is not ended');
  const escapes: Record<string, string> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' };
  return lines.map((line) =>
    line
      .split('\t')
      .map((text) => (text === '\\N' ? null : text.replace(/\\(.)/g, (_, char: string) => escapes[char] ?? char))),
  );
}

/** One record as a CSV line, every cell quoted where it must be. */
export function csvRecord(cells: readonly string[], delimiter = ','): string {
  return cells
    .map((cell) => (/["\r\n]/.test(cell) || cell.includes(delimiter) ? `"${cell.replaceAll('"', '""')}"` : cell))
    .join(delimiter);
}

/** A layout of those columns; names that are no fields of the resource are ignored. */
export function layoutOf(
  resource: Resource,
  columns: readonly string[],
  delimiter: CsvLayout['delimiter'] = ',',
): CsvLayout {
  return { delimiter, columns: columns.map((name) => (Object.hasOwn(resource.fields, name) ? name : null)) };
}
