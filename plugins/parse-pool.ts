// The worker threads that parse and validate, and the bound on chunks in flight in this process, which is what bounds
// its memory: a chunk holds its slot from being cut until it is committed.
import fp from 'fastify-plugin';
import { Piscina } from 'piscina';
import { type ChunkMemory, createChunkMemory } from '../src/import/chunk-memory.ts';
import { isLostThread } from '../src/import/retry-lost-threads.ts';
import { runInThreads } from '../src/run-in-threads.ts';
import { Slots } from '../src/slots.ts';
import { watchStarts } from '../src/watch-starts.ts';
import { type ParsedChunk, type ParseRequest, recordStride } from '../workers/messages.ts';
import type { PreviewedChunk, PreviewRequest } from '../workers/preview-messages.ts';

export interface ParsePool {
  /**
   * Parses a chunk in a thread; the request's buffers are transferred and gone afterwards.
   * @throws NoThread.
   */
  parse(request: ParseRequest): Promise<ParsedChunk>;
  /** Reads a chunk in a thread without loading it, in a second one when that ends meanwhile. @throws NoThread. */
  preview(request: PreviewRequest): Promise<PreviewedChunk>;
  readonly chunkSlots: Slots;
  readonly chunkMemory: ChunkMemory;
  /** For metrics and health. */
  readonly piscina: Piscina;
}

declare module 'fastify' {
  interface FastifyInstance {
    parsePool: ParsePool;
  }
}

export interface ParsePoolOptions {
  /** URL of what the threads run. Default: workers/parse-chunk.ts. */
  threadFile?: string;
  /** The same, for previews. Default: workers/preview-chunk.ts. */
  previewFile?: string;
}

/**
 * Without a bound V8 would let the young generation of every thread grow past what it reads. In the heap is one record at a
 * time, a chunk's bytes and what becomes of them lie outside it: so this does for the largest chunks that may be set (tried with
 * 256 MiB, of a million records or of 8 MiB each, good and bad).
 */
export const parseThreadLimits = { maxYoungGenerationSizeMb: 16, maxOldGenerationSizeMb: 128 };

export default fp<ParsePoolOptions>(
  async (app, options) => {
    const { workers, connections, chunkBytes, chunkRecords } = app.config.import;
    const chunks = workers + connections + 2;
    const piscina = new Piscina<ParseRequest, ParsedChunk>({
      filename: options.threadFile ?? new URL('../workers/parse-chunk.ts', import.meta.url).href,
      minThreads: workers,
      maxThreads: workers,
      maxQueue: 1000,
      resourceLimits: parseThreadLimits,
    });
    // The same threads, doing something else.
    const runPreview = runInThreads(piscina as unknown as Piscina<PreviewRequest, PreviewedChunk>);
    const runParse = runInThreads(piscina);
    const started = watchStarts(piscina);
    const previewFile = options.previewFile ?? new URL('../workers/preview-chunk.ts', import.meta.url).href;
    piscina.on('error', (error) => app.log.error({ err: error }, 'A parse thread failed'));
    app.addHook('onClose', async () => {
      await started();
      await piscina.close();
    });
    app.decorate('parsePool', {
      piscina,
      chunkSlots: new Slots(chunks),
      chunkMemory: createChunkMemory(chunkBytes, chunkRecords * recordStride * Uint32Array.BYTES_PER_ELEMENT, chunks),
      parse: async (request) => await runParse(request, { transferList: [request.bytes.buffer, request.table.buffer] }),
      preview: async (request) => {
        const read = async () => await runPreview(request, { filename: previewFile });
        // The sample is still here, unlike a chunk's bytes, when its thread ends.
        return await read().catch(async (error) => {
          if (isLostThread(error)) return await read();
          throw error;
        });
      },
    } satisfies ParsePool);
  },
  { name: 'parse-pool' },
);
