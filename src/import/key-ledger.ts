// Makes the first record with a key win, whatever the timing: chunks are admitted in file order, and one that may share
// a key with an earlier chunk not yet committed waits for it. Keys are compared by 53-bit hashes; two different keys
// with one hash only cause a needless wait.

export interface Admission {
  /** Shares a key, most likely, with an earlier chunk that was under way. */
  contested: boolean;
  /** Settles once those earlier chunks have been committed or given up. */
  earlier: Promise<unknown>;
  /** To be called when the chunk is committed or given up. */
  settle(): void;
}

export class KeyLedger {
  readonly #underWay = new Map<Float64Array, Promise<void>>();

  /** @param hashes of the chunk's keys, ascending. Call in file order. */
  admit(hashes: Float64Array): Admission {
    const rivals = [...this.#underWay].filter(([other]) => intersect(other, hashes)).map(([, settled]) => settled);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#underWay.set(hashes, promise);
    return {
      contested: rivals.length > 0,
      earlier: Promise.all(rivals),
      settle: () => {
        this.#underWay.delete(hashes);
        resolve();
      },
    };
  }
}

/** Whether two ascending lists have a number in common. */
function intersect(a: Float64Array, b: Float64Array): boolean {
  for (let i = 0, j = 0; i < a.length && j < b.length; ) {
    const x = a[i] as number;
    const y = b[j] as number;
    if (x === y) return true;
    if (x < y) i++;
    else j++;
  }
  return false;
}
