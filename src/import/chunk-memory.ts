// The memory of chunks, used again and again: fresh megabytes for each chunk cost the main thread more time in page faults
// and garbage collections than all its other work on an import (bench/README.md, "Memory used again").

/** Buffers of a usual size that are out of use, to be taken by whoever needs one. */
class SpareBuffers {
  readonly #usualBytes: number;
  readonly #maxSpare: number;
  readonly #spare: ArrayBuffer[] = [];

  constructor(usualBytes: number, maxSpare: number) {
    this.#usualBytes = usualBytes;
    this.#maxSpare = maxSpare;
  }

  /** A buffer of at least that size, with anything in it. */
  take(bytes: number): ArrayBuffer {
    const found = this.#spare.findIndex((buffer) => buffer.byteLength >= bytes);
    if (found >= 0) return this.#spare.splice(found, 1)[0] as ArrayBuffer;
    return new ArrayBuffer(Math.max(bytes, this.#usualBytes));
  }

  /** Takes a buffer back. One of an unusual size, or one too many, is freed at once. */
  give(buffer: ArrayBuffer): void {
    if (buffer.detached) return;
    if (this.#spare.length < this.#maxSpare && buffer.byteLength === this.#usualBytes) this.#spare.push(buffer);
    else buffer.transfer(0);
  }
}

export interface ChunkMemory {
  /** For the records' bytes. */
  bytes: SpareBuffers;
  /** For the tables of where they lie. */
  tables: SpareBuffers;
}

/** @param chunks how many there are at once. */
export function createChunkMemory(chunkBytes: number, tableBytes: number, chunks: number): ChunkMemory {
  return { bytes: new SpareBuffers(chunkBytes, chunks), tables: new SpareBuffers(tableBytes, chunks) };
}
