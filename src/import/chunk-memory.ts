// The memory of chunks, used again and again: fresh megabytes for each chunk cost the main thread more time in page faults
// and garbage collections than all its other work on an import (bench/README.md, "Memory used again").

/**
 * Buffers that are out of use, to be taken by whoever needs one. They are about as large as what they are taken for, not as large
 * as a chunk may be: glibc, which takes memory of a size that was freed before from its heap, writes zeros to all of it.
 */
class SpareBuffers {
  readonly #maxBytes: number;
  readonly #maxSpare: number;
  /** Sizes are multiples of this: what is needed varies by little from chunk to chunk. */
  readonly #stepBytes: number;
  /** The smallest one first. */
  readonly #spare: ArrayBuffer[] = [];

  constructor(maxBytes: number, maxSpare: number) {
    this.#maxBytes = maxBytes;
    this.#maxSpare = maxSpare;
    this.#stepBytes = Math.max(1, maxBytes >> 3);
  }

  /** A buffer of at least that size, with anything in it. */
  take(bytes: number): ArrayBuffer {
    const found = this.#spare.findIndex((buffer) => buffer.byteLength >= bytes);
    if (found >= 0) return this.#spare.splice(found, 1)[0] as ArrayBuffer;
    return new ArrayBuffer(Math.ceil(bytes / this.#stepBytes) * this.#stepBytes);
  }

  /** Takes a buffer back, from everyone who still has it. One that is too large is freed at once, and of too many the smallest. */
  give(buffer: ArrayBuffer): void {
    if (buffer.detached) return;
    if (buffer.byteLength > this.#maxBytes) {
      buffer.transfer(0);
      return;
    }
    this.#spare.push(buffer.transfer());
    this.#spare.sort((a, b) => a.byteLength - b.byteLength);
    if (this.#spare.length > this.#maxSpare) this.#spare.shift()?.transfer(0);
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
