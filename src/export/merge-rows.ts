// Several streams of whole rows as one, from whichever there are rows at the moment: none waits for another.
import { Readable } from 'node:stream';
import type { CopiedRows } from '../../db/copy.ts';

/**
 * The first part's first bytes come first: they may hold a header. Fails as soon as one of the parts does, and ends when
 * all have. Destroying it destroys them.
 */
export class MergedRows extends Readable implements CopiedRows {
  readonly #parts: readonly CopiedRows[];
  #running: number;
  /** The parts that are read from, the one that has waited longest in front. */
  #turn: readonly CopiedRows[];
  #begun = false;
  #wanted = false;

  constructor(parts: readonly CopiedRows[]) {
    super();
    this.#parts = parts;
    this.#running = parts.length;
    this.#turn = parts.slice(0, 1);
    // As for each part (db/copy.ts).
    this.on('error', () => {});
    for (const [n, part] of parts.entries()) {
      if (part.errored) this.destroy(part.errored);
      part
        .on('readable', () => this.#wanted && this._read())
        .on('error', (error) => this.destroy(error))
        .on('end', () => {
          if (n === 0) this.#begin();
          if (--this.#running === 0) this.push(null);
        });
    }
  }

  /** The sum of the parts', once they have ended. */
  get count(): number {
    return this.#parts.reduce((sum, { count }) => sum + count, 0);
  }

  override _read(): void {
    for (const part of this.#turn) {
      const bytes: Buffer | null = part.read();
      if (bytes === null) continue;
      this.#wanted = false;
      this.#turn = [...this.#turn.filter((other) => other !== part), part];
      this.push(bytes);
      this.#begin();
      return;
    }
    this.#wanted = true;
  }

  /** What the first part begins with is out. */
  #begin(): void {
    if (this.#begun) return;
    this.#begun = true;
    this.#turn = [...this.#parts.slice(1), ...this.#parts.slice(0, 1)];
    if (this.#wanted) this._read();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    for (const part of this.#parts) part.destroy();
    done(error);
  }
}
