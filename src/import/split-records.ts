// Reads a stored file once, from its beginning to its end, and cuts it into chunks of whole records. Where it is cut
// depends only on the file's (unpacked) bytes and on the limits, never on how the bytes come in: checkpoints of earlier
// attempts hold only for the same cuts. Finds boundaries by bytes; decoding and checking is left to the parse workers.
import type { Readable } from 'node:stream';
import type { Chunk, CsvLayout } from '../../workers/messages.ts';
import type { Format } from '../resources/formats.ts';
import { ChunkBuilder, type ChunkLimits } from './chunk-builder.ts';
import type { ChunkMemory } from './chunk-memory.ts';
import { FileFault } from './file-fault.ts';
import { type FileOptions, type OpenedFile, openFile } from './open-file.ts';

export interface RecordOptions extends ChunkLimits, FileOptions {
  memory: ChunkMemory;
  /** Told of each chunk, before it is handed out, how long it took to find its records and to copy them. */
  onCut?(durationMs: number): void;
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
 * @throws what openFile throws.
 */
export async function openRecords(source: Readable, options: RecordOptions): Promise<RecordFile> {
  const file = await openFile(source, options);
  return { format: file.format, csv: file.header?.layout, chunks: cutChunks(file, options) };
}

/** The records of an opened file; closes it at the end, whatever that is. Throws as RecordFile's `chunks` do. */
export async function* cutChunks(
  file: OpenedFile,
  { signal, onCut, memory, ...limits }: Omit<RecordOptions, keyof FileOptions> & Pick<FileOptions, 'signal'>,
): AsyncGenerator<Chunk, void, undefined> {
  const { input } = file;
  const chunks = new ChunkBuilder(input, limits, memory, file.sourceEnd);
  const splitter = file.createSplitter(chunks);
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
    const { cause, endsEarly } = error;
    throw new FileFault(error.code, error.message, error.line ?? splitter.line, { cause, endsEarly });
  } finally {
    await file.close();
  }
}
