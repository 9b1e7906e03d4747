// Opens a stored file: unpacks it, passes over a byte order mark, reads a CSV's header, and makes the splitter that finds
// the records behind it. Where records begin and end depends only on the file's (unpacked) bytes and on these options.
import { addAbortSignal, type Readable } from 'node:stream';
import type { CsvLayout } from '../../workers/messages.ts';
import type { Format } from '../resources/formats.ts';
import type { Resource } from '../resources/resource.ts';
import { ByteInput } from './byte-input.ts';
import { FileFault } from './file-fault.ts';
import { type CsvHeader, readCsvHeader } from './read-csv-header.ts';
import { CsvSplitter } from './split-csv.ts';
import { JsonSplitter } from './split-json.ts';
import { NdjsonSplitter } from './split-ndjson.ts';
import type { Place, RecordSink, Splitter } from './splitter.ts';
import { unpack } from './unpack.ts';
import { skipWhiteSpace } from './white-space.ts';

export interface FileOptions {
  resource: Resource;
  format: Format;
  gzip: boolean;
  /** Only for CSV; detected from the header when not given. */
  delimiter?: CsvLayout['delimiter'];
  /** Only for CSV: required columns may be missing. */
  anyColumns?: boolean;
  /** A longer record is a `tooLong` fault. */
  maxRecordBytes: number;
  /** Only for gzipped files. */
  maxUnpackedBytes: number;
  signal: AbortSignal;
}

export interface OpenedFile {
  input: ByteInput;
  /** What the file holds: NDJSON for a `.json` file that starts with an object. */
  format: Format;
  /** Only for CSV. */
  header?: CsvHeader;
  /** The file's byte order mark, or nothing. */
  mark: Buffer;
  /** To be made once. */
  createSplitter(records: RecordSink): Splitter;
  /** How much of the stored file has been read when the (unpacked) byte `byteEnd` is reached. */
  sourceEnd(byteEnd: number): number;
  /** Ends the source, wherever it is. Idempotent. */
  close(): Promise<void>;
}

/**
 * The source is destroyed when the file is closed, when the signal aborts, and on any error.
 * @param source of Buffers.
 * @throws FileFault when the file is of no use from the start; the signal's reason; the source's error unchanged.
 */
export async function openFile(source: Readable, options: FileOptions): Promise<OpenedFile> {
  const { gzip, maxUnpackedBytes, signal, maxRecordBytes } = options;
  addAbortSignal(signal, source);
  let packedBytes = 0;
  const count = (bytes: number) => {
    packedBytes += bytes;
  };
  const blocks = gzip ? unpack(source, maxUnpackedBytes, count) : source;
  const input = new ByteInput(blocks[Symbol.asyncIterator]());
  const close = async () => {
    source.destroy();
    await input.close();
  };
  try {
    const { start, mark, ...beginning } = await readBeginning(input, options);
    const { format, header } = beginning;
    return {
      ...beginning,
      input,
      mark,
      createSplitter: (records) => {
        if (header) return new CsvSplitter(input, records, start, header.layout.delimiter, maxRecordBytes);
        if (format === 'json') return new JsonSplitter(input, records, start, maxRecordBytes);
        return new NdjsonSplitter(input, records, start, maxRecordBytes);
      },
      sourceEnd: (byteEnd) => (gzip ? packedBytes : byteEnd),
      close,
    };
  } catch (error) {
    await close();
    signal.throwIfAborted();
    throw error;
  }
}

interface Beginning extends Pick<OpenedFile, 'format' | 'header' | 'mark'> {
  /** Where the records start. */
  start: Place;
}

async function readBeginning(input: ByteInput, options: FileOptions): Promise<Beginning> {
  const { format, resource } = options;
  const mark = await readByteOrderMark(input);
  const start = { position: mark.length, line: 1 };
  if (format === 'csv') return { format, header: await readCsvHeader(input, start, resource, options), mark, start };
  if (format === 'ndjson') return { format, mark, start };
  while (!skipWhiteSpace(input, start)) {
    if (input.ended) throw new FileFault('empty_file', 'the file is empty: a JSON array is expected');
    await input.fill(start.position);
  }
  const first = input.text(start.position, 1);
  if (first === '{') return { format: 'ndjson', mark, start };
  if (first !== '[') throw new FileFault('malformed_json', 'the file does not start with a JSON array', start.line);
  start.position++;
  return { format, mark, start };
}

/** UTF-16 with its mark, or, without one, of two characters that are in ASCII or not far from it: no field's text has a NUL. */
const utf16 = /^(\xff\xfe|\xfe\xff|[^\0]\0[^\0]\0|\0[^\0]\0[^\0])/;

async function readByteOrderMark(input: ByteInput): Promise<Buffer> {
  while (input.end < 4 && !input.ended) await input.fill(0);
  const beginning = input.text(0, 4);
  if (utf16.test(beginning)) {
    throw new FileFault('unsupported_encoding', 'the file is UTF-16; save it as UTF-8', 1);
  }
  if (beginning.startsWith('\x1f\x8b')) {
    throw new FileFault('unsupported_encoding', 'the file is gzipped; give its name the ending .gz', 1);
  }
  return Buffer.from(/^\xef\xbb\xbf/.exec(beginning)?.[0] ?? '', 'latin1');
}
