// Writes any number of records of a resource to a file, in constant memory: the base of benchmarks and of tests with
// large files. What it writes is settled by its options alone.
import { createWriteStream } from 'node:fs';
import { Readable, type Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { type Format, formatOfFileName } from '../src/resources/formats.ts';
import { csvHeader, csvLine } from './encode-record.ts';
import { plainFaults } from './fault-plans.ts';
import { Random, streamOf } from './random.ts';
import { type ResourceName, recordsOf, type SampleRecord } from './valid-records.ts';

export interface WriteRecordsOptions {
  resource: ResourceName;
  records: number;
  path: string;
  /** Default: what the path's ending says; with `.gz` after it the file is gzipped. */
  format?: Format;
  /** Share of records that break a rule, 0 to 1 (default 0); evenly spread, one fault each. */
  invalid?: number;
  /** How many users articles and comments refer to; default: `records`. Article i is by user i mod users. */
  users?: number;
  /** How many articles comments refer to; default: `records`. Comment i is on article i mod articles. */
  articles?: number;
  /** Files that belong together have the same; default 0. */
  seed?: number;
  /** Ends it; what is written so far stays. */
  signal?: AbortSignal;
}

const pieceChars = 256 * 1024;

/** @throws RangeError when the format can be told neither from `format` nor from the path. */
export async function writeRecords(
  options: WriteRecordsOptions,
): Promise<{ valid: number; invalid: number; bytes: number }> {
  const { records, path, invalid = 0 } = options;
  const named = formatOfFileName(path);
  const format = options.format ?? named.format;
  if (!format) throw new RangeError(`${path}: the name must end in .csv, .ndjson, .jsonl or .json (and .gz)`);
  const file = createWriteStream(path);
  const steps: Transform[] = named.gzip ? [createGzip({ level: 1 })] : [];
  await pipeline([Readable.from(encode(options, format)), ...steps, file], { signal: options.signal });
  const rejected = Math.floor(records * invalid);
  return { valid: records - rejected, invalid: rejected, bytes: file.bytesWritten };
}

function* encode(options: WriteRecordsOptions, format: Format): Generator<Buffer> {
  const { records } = options;
  const recordAt = samples(options);
  let piece = format === 'csv' ? `${csvHeader(recordAt(0))}\n` : format === 'json' ? '[\n' : '';
  for (let index = 0; index < records; index++) {
    const record = recordAt(index);
    piece += format === 'csv' ? csvLine(record) : JSON.stringify(record);
    piece += format === 'json' && index < records - 1 ? ',\n' : '\n';
    if (piece.length >= pieceChars) {
      yield Buffer.from(piece);
      piece = '';
    }
  }
  yield Buffer.from(format === 'json' ? `${piece}]\n` : piece);
}

function samples(options: WriteRecordsOptions): (index: number) => SampleRecord {
  const { resource, records, invalid = 0, users = records, articles = records, seed = 0 } = options;
  const recordAt = recordsOf(resource, { seed, users, articles, articleWords: 40, commentWords: 10 });
  const stream = streamOf(seed, `${resource} faults`);
  const faults = plainFaults[resource];
  return (index) => {
    const record = recordAt(index);
    if (Math.floor((index + 1) * invalid) > Math.floor(index * invalid)) {
      const random = new Random(stream, index);
      random.pick(faults)(record, { random, accepted: [], unclaimed: [], rejectedParents: [] });
    }
    return record;
  };
}
