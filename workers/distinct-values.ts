// The distinct ones of a chunk's references, as the PostgreSQL array literal that is sent to look them up. A hash table
// with open addressing that compares bytes: no value becomes a string.
import { ByteBuffer } from './byte-buffer.ts';

const [comma, braceOpen, braceClose] = [44, 123, 125];

/** A UUID and the comma after it. */
const valueBytes = 37;

export class DistinctValues {
  readonly #literal: ByteBuffer;
  /** Where a value begins in the literal; 0, which is the brace, for an empty slot. At most half of them are taken. */
  readonly #slots: Int32Array;

  constructor(maxValues: number) {
    this.#literal = new ByteBuffer(valueBytes * 64);
    this.#literal.byte(braceOpen);
    this.#slots = new Int32Array(2 ** Math.ceil(Math.log2(maxValues * 2 + 2)));
  }

  /** @param source bytes of a UUID in lower case from `start` to `end`. */
  add(source: Uint8Array, start: number, end: number): void {
    let hash = 0;
    for (let i = start; i < end; i++) hash = Math.imul(hash ^ (source[i] as number), 0x9e3779b1);
    const literal = this.#literal;
    const mask = this.#slots.length - 1;
    let slot = (hash ^ (hash >>> 15)) & mask;
    for (let at = this.#slots[slot] as number; at !== 0; at = this.#slots[slot] as number) {
      if (isEqual(literal.reserve(0), at, source, start, end)) return;
      slot = (slot + 1) & mask;
    }
    if (literal.length > 1) literal.byte(comma);
    this.#slots[slot] = literal.length;
    literal.copy(source, start, end);
  }

  /** The literal; no more values may be added. */
  finish(): Uint8Array<ArrayBuffer> {
    this.#literal.byte(braceClose);
    return this.#literal.bytes;
  }
}

function isEqual(a: Uint8Array, at: number, b: Uint8Array, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if (a[at++] !== b[i]) return false;
  return true;
}
