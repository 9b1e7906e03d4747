import type { ChunksTable } from '../../db/tables.ts';
import type { Chunk } from '../../workers/messages.ts';
import { JobFault } from './job-fault.ts';

/** The chunks that earlier attempts of the job committed. */
export class Checkpoints {
  readonly #committed: Map<number, ChunksTable>;

  constructor(committed: ChunksTable[]) {
    this.#committed = new Map(committed.map((checkpoint) => [checkpoint.chunk, checkpoint]));
  }

  /**
   * Whether the chunk has been committed.
   * @throws JobFault when its bytes are not those that were committed under its number: a file cut in another way
   *   would load some records twice and others never.
   */
  cover({ index, byteStart, byteEnd }: Chunk): boolean {
    const checkpoint = this.#committed.get(index);
    if (!checkpoint) return false;
    if (checkpoint.byte_start !== byteStart || checkpoint.byte_end !== byteEnd) {
      throw new JobFault(
        'checkpoint_mismatch',
        `chunk ${index} was committed with other bytes: the file is cut differently now`,
      );
    }
    return true;
  }
}
