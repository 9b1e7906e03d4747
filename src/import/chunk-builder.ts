// Collects records into chunks. A chunk is complete with its last permitted record, or when the next one would make it
// too large; that depends on the records alone, never on how the file's bytes came in.
// Records that lie next to each other are copied together with the line break or comma between them, once, when the
// chunk is cut. Longer gaps (blank lines, records that are too long) are left out, so a chunk's memory is bounded.
import { type Chunk, type RecordFault, recordFaults, recordStride } from '../../workers/messages.ts';
import type { ByteInput } from './byte-input.ts';
import type { ChunkMemory } from './chunk-memory.ts';
import type { RecordSink } from './splitter.ts';

/** Longest gap between two records that is copied, in bytes: a line break, or a comma and some indentation. */
const maxGapBytes = 16;

const lineFeed = 0x0a;

export interface ChunkLimits {
  maxRecords: number;
  /** Of a chunk that has more than one record. */
  maxChunkBytes: number;
}

export class ChunkBuilder implements RecordSink {
  readonly #input: ByteInput;
  readonly #limits: ChunkLimits;
  readonly #memory: ChunkMemory;
  readonly #sourceEnd: (byteEnd: number) => number;
  #ready: Chunk[] = [];

  #index = 0;
  #firstRecord = 1;
  #byteStart = 0;
  #firstLine = 1;

  #records = 0;
  #table = new Uint32Array(1024 * recordStride);
  #byteEnd = 0;
  #lastLine = 1;
  #nextLine = 1;
  /** Copies of the ranges before the current one. */
  #ranges: Buffer[] = [];
  #rangesBytes = 0;
  /** The current range, as positions in the file. */
  #rangeStart: number;
  #rangeEnd: number;

  /** @param sourceEnd how much of the stored file has been read when the (unpacked) byte `byteEnd` is reached. */
  constructor(input: ByteInput, limits: ChunkLimits, memory: ChunkMemory, sourceEnd: (byteEnd: number) => number) {
    this.#input = input;
    this.#limits = limits;
    this.#memory = memory;
    this.#sourceEnd = sourceEnd;
    this.#rangeStart = input.offset;
    this.#rangeEnd = input.offset;
  }

  add(start: number, end: number, line: number, fault: RecordFault, byteEnd: number, lastLine: number): void {
    const tooLong = fault === recordFaults.tooLong;
    if (!tooLong) this.#reach(start, end);
    const size = this.#rangesBytes + this.#rangeEnd - this.#rangeStart;
    const table = this.#tableWithRoom();
    const at = this.#records * recordStride;
    table[at] = tooLong ? size : size - (end - start);
    table[at + 1] = size;
    table[at + 2] = line;
    table[at + 3] = fault;
    this.#records++;
    this.#byteEnd = byteEnd;
    this.#lastLine = lastLine;
    this.#nextLine = this.#input.byteAt(byteEnd - 1) === lineFeed ? lastLine + 1 : lastLine;
    if (this.#records === this.#limits.maxRecords) this.#cut();
  }

  /**
   * @param next position before which no further record starts.
   * @returns position before which no byte is needed.
   */
  neededFrom(next: number): number {
    if (next - this.#rangeEnd > maxGapBytes) this.#closeRange(next);
    return this.#rangeStart;
  }

  /** The chunks that are complete. */
  takeReady(): Chunk[] {
    const ready = this.#ready;
    this.#ready = [];
    return ready;
  }

  /** Completes the last chunk: no record follows. */
  finish(): void {
    if (this.#records > 0) this.#cut();
  }

  /** Makes the record part of the current range, of a new range, or of a new chunk. */
  #reach(start: number, end: number): void {
    const isEmpty = this.#rangeEnd === this.#rangeStart;
    if (isEmpty || start - this.#rangeEnd > maxGapBytes) this.#closeRange(start);
    if (this.#records > 0 && this.#rangesBytes + end - this.#rangeStart > this.#limits.maxChunkBytes) {
      this.#cut();
      this.#rangeStart = start;
    }
    this.#rangeEnd = end;
  }

  #closeRange(next: number): void {
    if (this.#rangeEnd > this.#rangeStart) {
      this.#ranges.push(Buffer.from(this.#range()));
      this.#rangesBytes += this.#rangeEnd - this.#rangeStart;
    }
    this.#rangeStart = next;
    this.#rangeEnd = next;
  }

  #range(): Buffer {
    const { bytes, offset } = this.#input;
    return bytes.subarray(this.#rangeStart - offset, this.#rangeEnd - offset);
  }

  #tableWithRoom(): Uint32Array {
    const used = this.#records * recordStride;
    if (used === this.#table.length) {
      const larger = new Uint32Array(2 * used);
      larger.set(this.#table);
      this.#table = larger;
    }
    return this.#table;
  }

  #cut(): void {
    const chunkBytes = this.#rangesBytes + this.#rangeEnd - this.#rangeStart;
    const bytes = new Uint8Array(this.#memory.bytes.take(chunkBytes), 0, chunkBytes);
    const entries = this.#records * recordStride;
    const table = new Uint32Array(this.#memory.tables.take(entries * this.#table.BYTES_PER_ELEMENT), 0, entries);
    table.set(this.#table.subarray(0, entries));
    let copied = 0;
    for (const range of [...this.#ranges, this.#range()]) {
      bytes.set(range, copied);
      copied += range.length;
    }
    this.#ready.push({
      index: this.#index,
      firstRecord: this.#firstRecord,
      records: this.#records,
      firstLine: this.#firstLine,
      lastLine: this.#lastLine,
      byteStart: this.#byteStart,
      byteEnd: this.#byteEnd,
      sourceEnd: this.#sourceEnd(this.#byteEnd),
      bytes,
      table,
    });
    this.#index++;
    this.#firstRecord += this.#records;
    this.#byteStart = this.#byteEnd;
    this.#firstLine = this.#nextLine;
    this.#records = 0;
    this.#ranges = [];
    this.#rangesBytes = 0;
    this.#rangeStart = this.#rangeEnd;
  }
}
