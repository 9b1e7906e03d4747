// What a parse thread does: one visit of each record of a chunk – decode, validate, encode – and the chunk's buffers,
// transferred, back to the main thread. A record that breaks a rule becomes row errors and leaves nothing else behind;
// records know nothing of each other, so the outcome does not depend on where the file was cut into chunks.
import { move, transferableSymbol, valueSymbol } from 'piscina';
import { resourceNamed } from '../src/resources/index.ts';
import type { Resource } from '../src/resources/resource.ts';
import { ChunkText } from './chunk-text.ts';
import { KeyCollector } from './collect-keys.ts';
import { CsvDecoder } from './decode-csv.ts';
import { JsonDecoder } from './decode-json.ts';
import { RowEncoder } from './encode-copy.ts';
import {
  buffersOf,
  freeBuffers,
  type ParsedChunk,
  type ParseRequest,
  type RecordFault,
  recordFaults,
} from './messages.ts';
import type { RecordDecoder, Unreadable } from './record-decoder.ts';
import { encodeRowErrors, type RowError } from './row-error.ts';
import { createRecordCheck, type RecordCheck, type Values } from './validate.ts';

/** The entry of the thread: parses a chunk and hands its buffers over without copying them. */
export default function run(request: ParseRequest): unknown {
  const parsed = parseChunk(request, resourceNamed(request.resource));
  freeBuffers([request.bytes, request.table.buffer]);
  return move({ [transferableSymbol]: buffersOf(parsed), [valueSymbol]: parsed });
}

export function parseChunk(request: ParseRequest, resource: Resource): ParsedChunk {
  const { jobId, format, now, firstRecord } = request;
  const text = new ChunkText(request.bytes, request.table);
  const decoder = createDecoder(request, text, resource);
  const check = checkOf(resource);
  const fields = Object.keys(resource.fields);
  const values: Values = fields.map(() => undefined);
  // COPY text takes less than JSON, and of a CSV little more than its record: a tab for a comma, a default here and there.
  const encoder = new RowEncoder(resource, request.bytes.byteLength + text.records * 32 + 64);
  const keys = new KeyCollector(resource, text.records);
  const rowStarts = new Uint32Array(text.records + 1);
  const rowRecords = new Float64Array(text.records);
  const rowLines = new Float64Array(text.records);
  const errors: RowError[] = [];
  let rows = 0;
  let rejected = 0;

  for (let n = 0; n < text.records; n++) {
    const place = { record: firstRecord + n, line: text.line(n) };
    const fault = text.fault(n);
    const unreadable = fault === recordFaults.none ? decoder.decode(n, values) : faultMessages[fault];
    if (unreadable) {
      rejected++;
      errors.push({ ...place, field: format === 'csv' ? 'csv' : 'json', ...unreadable, value: text.excerpt(n) });
      continue;
    }
    const broken = check(values, format, now);
    if (broken.length > 0) {
      rejected++;
      for (const { position, code, message } of broken) {
        errors.push({ ...place, field: fields[position] as string, code, message, value: decoder.received(position) });
      }
      continue;
    }
    encoder.encode(values, decoder.plain);
    keys.add(encoder, values);
    rowRecords[rows] = place.record;
    rowLines[rows] = place.line;
    rowStarts[++rows] = encoder.text.length;
  }

  return {
    copy: encoder.text.bytes,
    rows,
    rowStarts: rowStarts.subarray(0, rows + 1),
    rowRecords: rowRecords.subarray(0, rows),
    rowLines: rowLines.subarray(0, rows),
    ...keys.finish(),
    rejected,
    errors: encodeRowErrors(jobId, errors),
  };
}

const faultMessages: Record<Exclude<RecordFault, 0>, Unreadable> = {
  [recordFaults.unclosedQuote]: { code: 'csv', message: 'quoted field is not closed' },
  [recordFaults.afterQuote]: { code: 'csv', message: 'unexpected character after a closing quote' },
  [recordFaults.tooLong]: { code: 'length', message: 'record must be at most 8 MiB' },
};

function createDecoder({ csv, format }: ParseRequest, text: ChunkText, resource: Resource): RecordDecoder {
  if (format !== 'csv') return new JsonDecoder(text, resource);
  if (!csv) throw new Error('a CSV chunk comes with its layout');
  return new CsvDecoder(text, resource, csv);
}

const checks = new WeakMap<Resource, RecordCheck>();

/** Compiled once per thread and resource. */
function checkOf(resource: Resource): RecordCheck {
  const known = checks.get(resource);
  if (known) return known;
  const check = createRecordCheck(resource);
  checks.set(resource, check);
  return check;
}
