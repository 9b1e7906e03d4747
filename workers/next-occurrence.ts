/** Beyond every text; a small integer, which V8 keeps without an allocation. */
const nowhere = 0x3fff_ffff;

/**
 * Finds things in a text in passing: the last answer is kept until it lies behind, so that asking of one stretch after
 * the other looks at each place once, however far the next occurrence is.
 */
export class NextOccurrence {
  readonly #find: (from: number) => number;
  #searchedFrom = 0;
  #next = -1;

  /** @param find the first position at or after `from`, or -1. */
  constructor(find: (from: number) => number) {
    this.#find = find;
  }

  /** The first position at or after `from`; beyond every text when there is none. */
  after(from: number): number {
    if (from < this.#searchedFrom || from > this.#next) {
      const found = this.#find(from);
      this.#searchedFrom = from;
      this.#next = found < 0 ? nowhere : found;
    }
    return this.#next;
  }

  /** Whether there is one from `start` to `end` (exclusive). */
  isWithin(start: number, end: number): boolean {
    return this.after(start) < end;
  }
}
