// Deterministic randomness: everything is a function of (seed, name, index), so that any record of any resource can be
// made without knowing the others, and an article can name its author without having seen the users.

/** The finalizer of MurmurHash3: a bijection of 32-bit integers in which every input bit reaches every output bit. */
function mix(value: number): number {
  let h = value;
  h ^= h >>> 16;
  h = Math.imul(h, 0x85ebca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** The number from which everything called `name` under `seed` is drawn. */
export function streamOf(seed: number, name: string): number {
  let stream = mix(seed + 0x9e3779b9);
  for (let i = 0; i < name.length; i++) stream = mix(stream ^ name.charCodeAt(i));
  return stream;
}

/** Four hexadecimal digits of every 16-bit number. */
const hex = Array.from({ length: 0x10000 }, (_, n) => n.toString(16).padStart(4, '0'));

/**
 * The UUID (version 4) number `index` of a stream. Two indexes below 2^32 never share one: the first 32 bits are a
 * bijection of the index.
 */
export function uuidAt(stream: number, index: number): string {
  const a = mix(index ^ stream);
  const b = mix(a + 0x9e3779b9) ^ stream;
  const c = mix(b + index);
  const d = mix(c + stream);
  return (
    `${hex[a >>> 16]}${hex[a & 0xffff]}-${hex[b >>> 16]}-${hex[(b & 0x0fff) | 0x4000]}-` +
    `${hex[((c >>> 16) & 0x3fff) | 0x8000]}-${hex[c & 0xffff]}${hex[d >>> 16]}${hex[d & 0xffff]}`
  );
}

/** A sequence of random numbers (mulberry32). */
export class Random {
  #state: number;

  /** The sequence that belongs to one index of a stream. */
  constructor(stream: number, index: number) {
    this.#state = mix(stream + Math.imul(index, 0x9e3779b1));
  }

  /** A number from 0 up to, not including, 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 0x1_0000_0000;
  }

  /** An integer from 0 up to, not including, `limit`. */
  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }

  /** An integer of the closed range. */
  between(least: number, most: number): number {
    return least + this.below(most - least + 1);
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  pick<T>(list: readonly T[]): T {
    if (list.length === 0) throw new Error('nothing to pick from');
    return list[this.below(list.length)] as T;
  }

  /** Fisher and Yates, in place. */
  shuffle<T>(list: T[]): T[] {
    for (let i = list.length - 1; i > 0; i--) {
      const j = this.below(i + 1);
      [list[i], list[j]] = [list[j] as T, list[i] as T];
    }
    return list;
  }
}
