// Reads the beginning of a file as an import would, and loads nothing: splitter, decoder and rules are those of imports.
// What the end of the sample cuts off is not held against the file.
import { Readable } from 'node:stream';
import { type Chunk, type CsvLayout, recordFaults, recordStride } from '../../workers/messages.ts';
import {
  maxColumns,
  maxNameCharacters,
  type PreviewedChunk,
  type PreviewRequest,
} from '../../workers/preview-messages.ts';
import { type Format, formatOfFileName } from '../resources/formats.ts';
import { guessResource } from '../resources/guess-resource.ts';
import { resourceNamed, resources } from '../resources/index.ts';
import type { Resource } from '../resources/resource.ts';
import { createChunkMemory } from './chunk-memory.ts';
import { FileFault } from './file-fault.ts';
import { type OpenedFile, openFile } from './open-file.ts';
import { missingFields, requireColumns } from './read-csv-header.ts';
import { cutChunks } from './split-records.ts';

export interface Sample {
  /** The first bytes of the file, as they are stored: gzipped when its name says so. */
  bytes: Buffer;
  /** They are all of it. */
  whole: boolean;
  fileName: string;
  /** Null: to be guessed. */
  resource: string | null;
  format: Format;
  gzip: boolean;
  delimiter?: CsvLayout['delimiter'];
}

export interface Preview {
  resource: string | null;
  /** What the columns and the file's name speak for, whatever was asked for. */
  guess: string | null;
  /** NDJSON for a `.json` file that starts with an object. */
  format: Format;
  delimiter?: CsvLayout['delimiter'];
  columns: { name: string; field: string | null }[];
  /** Required fields that the file does not have; of JSON, that none of the records shown has. */
  missing: string[];
  records: PreviewedChunk['records'];
  checked: number;
  rejected: number;
  /** Why an import of the file would fail, as far as that can be seen. */
  failure?: FileFault;
}

/** Records that are shown, records that are checked at most, and bytes of a gzipped sample once unpacked. */
const [shownRecords, checkedRecords, maxUnpackedBytes] = [100, 20_000, 2 ** 20];

/** The format that a file's first character speaks for; asked where its name does not say. */
export function guessFormat(fileName: string, bytes: Buffer): Format {
  const first = /^\xef?\xbb?\xbf?\s*(.)/.exec(bytes.toString('latin1', 0, 1024))?.[1];
  return formatOfFileName(fileName).format ?? (first === '[' ? 'json' : first === '{' ? 'ndjson' : 'csv');
}

/** @param parse reads a chunk in a worker thread. @throws the signal's reason; what `parse` throws. */
export async function previewFile(
  sample: Sample,
  maxRecordBytes: number,
  parse: (request: PreviewRequest) => Promise<PreviewedChunk>,
  signal: AbortSignal,
): Promise<Preview> {
  const open = async (resource: Resource) =>
    await openFile(Readable.from([usableBytes(sample)]), {
      ...{ ...sample, resource, anyColumns: true },
      ...{ maxRecordBytes, maxUnpackedBytes, signal },
    });
  const nothing = { columns: [], missing: [], records: [], checked: 0, rejected: 0 };
  let guess: string | null = null;
  try {
    if (sample.format === 'csv') guess = await guessByHeader(open, sample.fileName);
    const name = sample.resource ?? guess;
    // Any will do to find the records.
    const file = await open(name === null ? [...resources.values()][0]! : resourceNamed(name));
    const { chunk, fault } = await readChunk(file, sample, signal);
    const { format, header } = file;
    const missing = name === null || !header ? [] : missingFields(resourceNamed(name), header.layout.columns);
    const columns = header?.names.slice(0, maxColumns).map((column) => column.slice(0, maxNameCharacters)) ?? [];
    const read = chunk
      ? await parse({
          ...{ format, csv: header?.layout, columns, fileName: sample.fileName, now: new Date().toISOString() },
          ...{ resource: missing.length > 0 ? null : name, show: shownRecords },
          ...{ firstRecord: chunk.firstRecord, bytes: chunk.bytes, table: chunk.table },
        })
      : { guess: null, columns, records: [], checked: 0, rejected: 0 };
    guess ??= read.guess;
    const resource = sample.resource ?? guess;
    return {
      ...{ resource, guess, format, ...(header ? { delimiter: header.layout.delimiter } : {}) },
      columns: header ? fedColumns(columns, header.layout.columns) : matchedColumns(read.columns, resource),
      missing: header ? missing : missingProperties(read, resource),
      ...{ records: read.records, checked: read.checked, rejected: read.rejected },
      ...failureOf(missing.length > 0 ? missingColumns(file, name) : fault),
    };
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof FileFault)) throw error;
    return { resource: sample.resource ?? guess, guess, format: sample.format, ...nothing, ...failureOf(error) };
  }
}

/** Lines that are whole, where the end of the sample may have cut one. */
function usableBytes({ bytes, whole, format, gzip }: Sample): Buffer {
  const byLine = format !== 'json' || guessFormat('', bytes) === 'ndjson';
  if (whole || gzip || !byLine) return bytes;
  const end = bytes.lastIndexOf('\n') + 1;
  // Without a line break there is no whole record; what is wrong with so long a header can be told all the same.
  return end === 0 && format !== 'ndjson' ? bytes : bytes.subarray(0, end);
}

/** @throws FileFault when the header is of no use to any resource. */
async function guessByHeader(
  open: (resource: Resource) => Promise<OpenedFile>,
  fileName: string,
): Promise<string | null> {
  const candidates: [Resource, string[]][] = [];
  for (const resource of resources.values()) {
    const { header, close } = await open(resource);
    await close();
    candidates.push([resource, header?.names.map((name) => name.toLowerCase()) ?? []]);
  }
  return guessResource(candidates, fileName);
}

/** The records of the sample, and what of the file kept more of them from being found. */
async function readChunk(file: OpenedFile, { whole, gzip }: Sample, signal: AbortSignal) {
  const limits = { maxRecords: checkedRecords, maxChunkBytes: Number.POSITIVE_INFINITY };
  let chunk: Chunk | undefined;
  try {
    for await (const one of cutChunks(file, { ...limits, memory: createChunkMemory(0, 0, 0), signal })) {
      if (chunk) break;
      chunk = one;
    }
  } catch (error) {
    if (!(error instanceof FileFault)) throw error;
    const ofSample = error.code === 'file_too_large' || (error.endsEarly && !whole);
    return { chunk, ...(ofSample ? {} : { fault: error }) };
  }
  return { chunk: chunk && !whole && !gzip ? dropUnclosed(chunk) : chunk };
}

/** A quote that is not closed in the sample may be closed behind it: nothing is said of what follows its opening. */
function dropUnclosed(chunk: Chunk): Chunk {
  for (let n = 0; n < chunk.records; n++) {
    if (chunk.table[n * recordStride + 3] !== recordFaults.unclosedQuote) continue;
    return { ...chunk, records: n, table: chunk.table.slice(0, n * recordStride) };
  }
  return chunk;
}

function fedColumns(names: readonly string[], fields: readonly (string | null)[]): Preview['columns'] {
  return names.map((name, n) => ({ name, field: fields[n] ?? null }));
}

function matchedColumns(properties: readonly string[], resource: string | null): Preview['columns'] {
  const fields = resource === null ? {} : resourceNamed(resource).fields;
  return properties.map((name) => ({ name, field: Object.hasOwn(fields, name) ? name : null }));
}

function missingProperties({ columns }: PreviewedChunk, resource: string | null): string[] {
  return resource === null || columns.length === 0 ? [] : missingFields(resourceNamed(resource), columns);
}

function missingColumns({ header }: OpenedFile, resource: string | null): FileFault | undefined {
  try {
    if (header && resource !== null) requireColumns(header.layout, resourceNamed(resource), header.line);
    return undefined;
  } catch (error) {
    if (error instanceof FileFault) return error;
    throw error;
  }
}

function failureOf(fault: FileFault | undefined): Pick<Preview, 'failure'> {
  return fault ? { failure: fault } : {};
}
