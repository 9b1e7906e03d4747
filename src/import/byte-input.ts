// A window over the file's bytes. Those that are still needed lie next to each other, so splitters look at a record
// with plain indexes although it came in by several reads. Positions are those of the whole (unpacked) file.
// Cost per byte is flat: the window doubles when it is more than half full of needed bytes, and is packed otherwise.

/** Longest step that is looked at in one go, in bytes: about half a millisecond of the main thread. */
const maxStepBytes = 256 * 1024;

export class ByteInput {
  /** The bytes from `offset` to `end`; valid until the next `fill`. */
  bytes: Buffer = Buffer.alloc(0);
  /** Position of the first byte of `bytes`. */
  offset = 0;
  /** Nothing follows `bytes`. */
  ended = false;

  readonly #blocks: AsyncIterator<Uint8Array>;
  #block: Uint8Array = this.bytes;
  #memory: Buffer = this.bytes;
  /** Where `bytes` starts in `#memory`. */
  #start = 0;

  constructor(blocks: AsyncIterator<Uint8Array>) {
    this.#blocks = blocks;
  }

  /** Position after the last byte there is so far. */
  get end(): number {
    return this.offset + this.bytes.length;
  }

  /** The byte at a position; undefined when it is not, or no longer, in the window. */
  byteAt(position: number): number | undefined {
    return this.bytes[position - this.offset];
  }

  /** Position of the next such byte at or after `from`; -1: not in the window. */
  find(byte: number, from: number): number {
    const found = this.bytes.indexOf(byte, from - this.offset);
    return found === -1 ? -1 : this.offset + found;
  }

  /** Up to `length` bytes from a position as Latin-1: a character is a byte. */
  text(position: number, length: number): string {
    const from = position - this.offset;
    return this.bytes.toString('latin1', from, Math.min(from + length, this.bytes.length));
  }

  /**
   * Adds at least one byte, or sets `ended`.
   * @param keepFrom position; what lies before it is given up.
   * @throws what the source throws.
   */
  async fill(keepFrom: number): Promise<void> {
    this.#drop(keepFrom - this.offset);
    while (this.#block.length === 0) {
      const next = await this.#blocks.next();
      if (next.done) {
        this.ended = true;
        return;
      }
      this.#block = next.value;
    }
    this.#append(this.#block.subarray(0, maxStepBytes));
    this.#block = this.#block.subarray(maxStepBytes);
  }

  /** Ends the source, wherever it is. Idempotent. */
  async close(): Promise<void> {
    this.ended = true;
    await this.#blocks.return?.();
  }

  #drop(bytes: number): void {
    this.#start += bytes;
    this.offset += bytes;
    this.bytes = this.bytes.subarray(bytes);
  }

  #append(block: Uint8Array): void {
    const kept = this.bytes;
    const length = kept.length + block.length;
    if (this.#start + length > this.#memory.length) {
      if (2 * length > this.#memory.length) this.#memory = Buffer.allocUnsafeSlow(2 * length);
      this.#memory.set(kept, 0);
      this.#start = 0;
    }
    this.#memory.set(block, this.#start + kept.length);
    this.bytes = this.#memory.subarray(this.#start, this.#start + length);
  }
}
