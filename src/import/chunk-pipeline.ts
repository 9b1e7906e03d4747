// Takes chunks in file order through parsing (in worker threads), admission (in file order, see key-ledger.ts) and
// loading (over the job's connections). Several are under way at once; the caller's chunk slots say how many.
import type { Logger } from 'pino';
import { buffersOf, type Chunk, freeBuffers, type ParsedChunk } from '../../workers/messages.ts';
import type { ChunkMemory } from './chunk-memory.ts';
import { type Admission, KeyLedger } from './key-ledger.ts';
import type { LoadedChunk } from './load-chunk.ts';

/** A chunk without its buffers, which are transferred to the thread that parses it. */
export type ChunkPlace = Omit<Chunk, 'bytes' | 'table'>;

export interface PipelineSteps {
  parse(chunk: Chunk): Promise<ParsedChunk>;
  load(chunk: ChunkPlace, parsed: ParsedChunk, contested: boolean): Promise<LoadedChunk>;
  log: Logger;
  /** Takes back what the chunks were made of. */
  memory: ChunkMemory;
}

export class ChunkPipeline {
  readonly #steps: PipelineSteps;
  readonly #signal: AbortSignal;
  readonly #ledger = new KeyLedger();
  readonly #underWay = new Set<Promise<void>>();
  #lastAdmission: Promise<unknown> = Promise.resolve();
  #failure: { error: unknown } | null = null;

  /** @param signal once it aborts, chunks that are being loaded are finished, unless that takes long, and no other is begun. */
  constructor(steps: PipelineSteps, signal: AbortSignal) {
    this.#steps = steps;
    this.#signal = signal;
  }

  /**
   * Sends a chunk on its way. Call in file order.
   * @param done called when the chunk is committed or given up, which it is at once when this throws.
   * @throws the failure of an earlier chunk.
   */
  add(chunk: Chunk, done: () => void): void {
    if (this.#failure) {
      done();
      throw this.#failure.error;
    }
    const parsing = this.#steps.parse(chunk);
    const { bytes, table, ...place } = chunk;
    const admitted = this.#lastAdmission.then(async () => {
      const parsed = await parsing;
      return { parsed, admission: this.#ledger.admit(parsed.keyHashes) };
    });
    // A failed admission must not let later chunks overtake: they find the failure and are given up.
    this.#lastAdmission = admitted.catch((error: unknown) => this.#fail(error));
    parsing.catch(() => {});
    const finished = admitted
      .then(async ({ parsed, admission }) => await this.#load(place, parsed, admission))
      .catch((error: unknown) => this.#fail(error))
      .finally(() => {
        this.#underWay.delete(finished);
        done();
      });
    this.#underWay.add(finished);
  }

  /** Waits until nothing is under way. Never rejects. */
  async settle(): Promise<void> {
    await Promise.all(this.#underWay);
  }

  /** Waits until all chunks are committed. @throws the first failure. */
  async drain(): Promise<void> {
    await this.settle();
    if (this.#failure) throw this.#failure.error;
  }

  async #load(place: ChunkPlace, parsed: ParsedChunk, { contested, earlier, settle }: Admission): Promise<void> {
    try {
      await earlier;
      this.#signal.throwIfAborted();
      if (this.#failure) return;
      const started = performance.now();
      const { loaded, rejected } = await this.#steps.load(place, parsed, contested);
      const loadMs = Math.round(performance.now() - started);
      this.#steps.log.debug({ chunk: place.index, loaded, rejected, load_ms: loadMs }, 'Chunk committed');
    } catch (error) {
      // Before those that wait for this chunk go on: one that shares a key with it must not be loaded in its place.
      this.#fail(error);
    } finally {
      settle();
      this.#steps.memory.bytes.give(parsed.copy.buffer);
      this.#steps.memory.tables.give(parsed.table.buffer);
      freeBuffers(buffersOf(parsed));
    }
  }

  #fail(error: unknown): void {
    this.#failure ??= { error };
  }
}
