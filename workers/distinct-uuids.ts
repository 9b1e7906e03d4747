// The distinct ones of a chunk's references, as the array that is sent to look them up: PostgreSQL's binary format of
// uuid[] (array_recv: dimensions, null flag, element type, length, lower bound, then each element behind its length).
// As text, PostgreSQL takes 1 µs to read each of them: 30 ms of a chunk of comments.
// A hash table with open addressing that compares bytes: no value becomes a string.
import { ByteBuffer } from './byte-buffer.ts';
import { uuidBytes } from './uuid-text.ts';

const headBytes = 20;
const elementBytes = 4 + uuidBytes;
const uuidOid = 2950;

export class DistinctUuids {
  readonly #array = new ByteBuffer(headBytes + elementBytes * 64);
  /** Where a value begins in the array; 0, which is in its head, for an empty slot. At most half of them are taken. */
  #slots = new Int32Array(0);

  /** Forgets all values. */
  reset(maxValues: number): void {
    const slots = 2 ** Math.ceil(Math.log2(maxValues * 2 + 2));
    if (slots > this.#slots.length) this.#slots = new Int32Array(slots);
    else this.#slots.fill(0);
    this.#array.length = headBytes;
  }

  /** @param source holds the bytes of a UUID from `start` on. */
  add(source: DataView, start: number): void {
    const [a, b, c, d] = [
      source.getInt32(start),
      source.getInt32(start + 4),
      source.getInt32(start + 8),
      source.getInt32(start + 12),
    ];
    let hash = Math.imul(
      a ^ Math.imul(b ^ Math.imul(c ^ Math.imul(d, 0x9e3779b1), 0x85ebca6b), 0xc2b2ae35),
      0x9e3779b1,
    );
    hash ^= hash >>> 15;
    const array = this.#array;
    array.reserve(elementBytes);
    const { view } = array;
    const mask = this.#slots.length - 1;
    let slot = hash & mask;
    for (let at = this.#slots[slot] as number; at !== 0; at = this.#slots[slot] as number) {
      if (
        view.getInt32(at) === a &&
        view.getInt32(at + 4) === b &&
        view.getInt32(at + 8) === c &&
        view.getInt32(at + 12) === d
      )
        return;
      slot = (slot + 1) & mask;
    }
    const at = array.length + 4;
    this.#slots[slot] = at;
    view.setInt32(at - 4, uuidBytes);
    view.setInt32(at, a);
    view.setInt32(at + 4, b);
    view.setInt32(at + 8, c);
    view.setInt32(at + 12, d);
    array.length = at + uuidBytes;
  }

  /** A copy of the array. */
  finish(): { array: Uint8Array<ArrayBuffer>; count: number } {
    const { view, length } = this.#array;
    const count = (length - headBytes) / elementBytes;
    for (const [n, word] of [count === 0 ? 0 : 1, 0, uuidOid, count, 1].entries()) view.setInt32(n * 4, word);
    return { array: this.#array.bytes.slice(0, count === 0 ? headBytes - 8 : length), count };
  }
}
