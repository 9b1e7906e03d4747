// Reads a stored file once, from its beginning to its end, and cuts it into chunks of whole records. Where it is cut
// depends only on the file's (unpacked) bytes and on the limits, never on how the bytes come in: checkpoints of earlier
// attempts hold only for the same cuts. Finds boundaries by bytes; decoding and checking is left to the parse workers.
import { addAbortSignal, type Readable } from 'node:stream';
import type { Chunk, CsvLayout } from '../../workers/messages.ts';
import type { Format } from '../resources/formats.ts';
import type { Resource } from '../resources/resource.ts';
import { ByteInput } from './byte-input.ts';
import { ChunkBuilder, type ChunkLimits } from './chunk-builder.ts';
import type { ChunkMemory } from './chunk-memory.ts';
import { FileFault } from './file-fault.ts';
import { readCsvHeader } from './read-csv-header.ts';
import { CsvSplitter } from './split-csv.ts';
import { JsonSplitter } from './split-json.ts';
import { NdjsonSplitter } from './split-ndjson.ts';
import type { Place, Splitter } from './splitter.ts';
import { unpack } from './unpack.ts';
import { skipWhiteSpace } from './white-space.ts';

export interface RecordOptions extends ChunkLimits {
  resource: Resource;
  format: Format;
  gzip: boolean;
  /** Only for CSV; detected from the header when not given. */
  delimiter?: CsvLayout['delimiter'];
  /** A longer record is a `tooLong` fault. */
  maxRecordBytes: number;
  /** Only for gzipped files. */
  maxUnpackedBytes: number;
  memory: ChunkMemory;
  /** Told of each chunk, before it is handed out, how long it took to find its records and to copy them. */
  onCut?(durationMs: number): void;
  signal: AbortSignal;
}

export interface RecordFile {
  /** What the file holds: NDJSON for a `.json` file that starts with an object. */
  format: Format;
  /** Only for CSV. */
  csv?: CsvLayout;
  /**
   * All records, in file order; to be iterated once. Throws FileFault behind the last whole record when the rest of the
   * file cannot be read, the signal's reason, or the source's error unchanged.
   */
  chunks: AsyncIterable<Chunk>;
}

/**
 * Reads the beginning of a file. The source is destroyed when the chunks end in whatever way, when the signal aborts, and
 * on any error.
 * @param source of Buffers.
 * @throws FileFault when the file is of no use from the start; the signal's reason; the source's error unchanged.
 */
export async function openRecords(source: Readable, options: RecordOptions): Promise<RecordFile> {
  const { gzip, maxUnpackedBytes, signal } = options;
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
    const { format, csv, start } = await readBeginning(input, options);
    const chunks = new ChunkBuilder(input, options, options.memory, (byteEnd) => (gzip ? packedBytes : byteEnd));
    const splitter = createSplitter(input, chunks, { format, csv, start, maxRecordBytes: options.maxRecordBytes });
    return { format, csv, chunks: cutChunks(input, splitter, chunks, options, close) };
  } catch (error) {
    await close();
    signal.throwIfAborted();
    throw error;
  }
}

interface Beginning {
  format: Format;
  csv?: CsvLayout;
  /** Where the records start. */
  start: Place;
}

async function readBeginning(input: ByteInput, { format, resource, delimiter }: RecordOptions): Promise<Beginning> {
  const start = await skipByteOrderMark(input);
  if (format === 'csv') return { format, csv: await readCsvHeader(input, start, resource, delimiter), start };
  if (format === 'ndjson') return { format, start };
  while (!skipWhiteSpace(input, start)) {
    if (input.ended) throw new FileFault('empty_file', 'the file is empty: a JSON array is expected');
    await input.fill(start.position);
  }
  const first = input.text(start.position, 1);
  if (first === '{') return { format: 'ndjson', start };
  if (first !== '[') throw new FileFault('malformed_json', 'the file does not start with a JSON array', start.line);
  start.position++;
  return { format, start };
}

async function skipByteOrderMark(input: ByteInput): Promise<Place> {
  while (input.end < 3 && !input.ended) await input.fill(0);
  const mark = input.text(0, 3);
  if (/^(\xff\xfe|\xfe\xff)/.test(mark)) {
    throw new FileFault('unsupported_encoding', 'the file is UTF-16; save it as UTF-8', 1);
  }
  if (mark.startsWith('\x1f\x8b')) {
    throw new FileFault('unsupported_encoding', 'the file is gzipped; give its name the ending .gz', 1);
  }
  return { position: mark === '\xef\xbb\xbf' ? 3 : 0, line: 1 };
}

function createSplitter(
  input: ByteInput,
  chunks: ChunkBuilder,
  { format, csv, start, maxRecordBytes }: Beginning & { maxRecordBytes: number },
): Splitter {
  if (csv) return new CsvSplitter(input, chunks, start, csv.delimiter, maxRecordBytes);
  if (format === 'json') return new JsonSplitter(input, chunks, start, maxRecordBytes);
  return new NdjsonSplitter(input, chunks, start, maxRecordBytes);
}

async function* cutChunks(
  input: ByteInput,
  splitter: Splitter,
  chunks: ChunkBuilder,
  { signal, onCut }: RecordOptions,
  close: () => Promise<void>,
): AsyncGenerator<Chunk, void, undefined> {
  let durationMs = 0;
  function* takeReady(): Generator<Chunk> {
    for (const chunk of chunks.takeReady()) {
      onCut?.(durationMs);
      durationMs = 0;
      yield chunk;
    }
  }
  function* takeLast(): Generator<Chunk> {
    chunks.finish();
    yield* takeReady();
  }
  try {
    while (true) {
      const startedAt = performance.now();
      splitter.split();
      durationMs += performance.now() - startedAt;
      for (const chunk of takeReady()) {
        yield chunk;
        signal.throwIfAborted();
      }
      if (input.ended) break;
      await input.fill(chunks.neededFrom(splitter.next));
    }
    yield* takeLast();
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof FileFault)) throw error;
    yield* takeLast();
    throw new FileFault(error.code, error.message, error.line ?? splitter.line, { cause: error.cause });
  } finally {
    await close();
  }
}
