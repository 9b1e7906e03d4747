// Copies ranges out of a file that is read from its beginning to its end, into blocks of one size. Costs the same memory
// whatever the ranges' lengths.

const blockBytes = 64 * 1024;

export class RangeCopier {
  readonly #source: AsyncIterator<Uint8Array>;
  #read: Uint8Array = new Uint8Array();
  /** Position of the first byte of `#read`. */
  #offset = 0;
  #block = Buffer.allocUnsafe(blockBytes);
  #used = 0;
  #full: Buffer[] = [];

  /** @param source blocks, each valid until the next one is asked for. */
  constructor(source: AsyncIterator<Uint8Array>) {
    this.#source = source;
  }

  /** Reads the first block, if there is one. @throws the source's error. */
  async begin(): Promise<void> {
    const { value, done } = await this.#source.next();
    if (!done) this.#read = value;
  }

  /** Reads on. @throws the source's error; Error when the file has ended. */
  async fill(): Promise<void> {
    const { value, done } = await this.#source.next();
    if (done) throw new Error('the file ends before the range that is to be copied');
    this.#offset += this.#read.length;
    this.#read = value;
  }

  /**
   * Copies a range, or as much of it as has been read. Ranges are copied in their order.
   * @returns the position up to which it was copied: read on while that is less than `end`.
   */
  copy(start: number, end: number): number {
    const to = Math.min(end, this.#offset + this.#read.length);
    if (to > start) this.write(this.#read.subarray(start - this.#offset, to - this.#offset));
    return Math.max(start, to);
  }

  /** Adds bytes of another origin. */
  write(bytes: Uint8Array): void {
    for (let from = 0; from < bytes.length; ) {
      const part = bytes.subarray(from, from + blockBytes - this.#used);
      this.#block.set(part, this.#used);
      this.#used += part.length;
      from += part.length;
      if (this.#used < blockBytes) return;
      this.#full.push(this.#block);
      this.#block = Buffer.allocUnsafe(blockBytes);
      this.#used = 0;
    }
  }

  get hasFull(): boolean {
    return this.#full.length > 0;
  }

  takeFull(): Buffer[] {
    const full = this.#full;
    this.#full = [];
    return full;
  }

  /** What is left at the end. */
  takeRest(): Buffer {
    return this.#block.subarray(0, this.#used);
  }

  async close(): Promise<void> {
    await this.#source.return?.();
  }
}
