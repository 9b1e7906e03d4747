// The distinct ones of a chunk's references, as the PostgreSQL array literal that is sent to look them up. A hash table
// with open addressing that compares bytes: no value becomes a string.
import { ByteBuffer } from './byte-buffer.ts';
import { copyUuid, isSameUuid, uuidBytes } from './uuid-words.ts';

const [comma, braceOpen, braceClose] = [44, 123, 125];

export class DistinctUuids {
  readonly #literal: ByteBuffer;
  /** Where a value begins in the literal; 0, which is the brace, for an empty slot. At most half of them are taken. */
  readonly #slots: Int32Array;

  constructor(maxValues: number) {
    this.#literal = new ByteBuffer((uuidBytes + 1) * 64);
    this.#literal.byte(braceOpen);
    this.#slots = new Int32Array(2 ** Math.ceil(Math.log2(maxValues * 2 + 2)));
  }

  /** @param source holds the text of a UUID, in lower case, from `start` on. */
  add(source: DataView, start: number): void {
    let hash = 0;
    for (let i = 0; i < uuidBytes; i += 4)
      hash = Math.imul(hash ^ source.getInt32(start + i), 0x9e3779b1) ^ (hash >>> 15);
    const literal = this.#literal;
    const mask = this.#slots.length - 1;
    let slot = (hash ^ (hash >>> 15)) & mask;
    for (let at = this.#slots[slot] as number; at !== 0; at = this.#slots[slot] as number) {
      if (isSameUuid(literal.view, at, source, start)) return;
      slot = (slot + 1) & mask;
    }
    literal.reserve(uuidBytes + 1);
    if (literal.length > 1) literal.byte(comma);
    this.#slots[slot] = literal.length;
    copyUuid(literal.view, literal.length, source, start);
    literal.length += uuidBytes;
  }

  /** The literal; no more values may be added. */
  finish(): Uint8Array<ArrayBuffer> {
    this.#literal.byte(braceClose);
    return this.#literal.bytes;
  }
}
