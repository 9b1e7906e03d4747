// A buffer that grows while a thread writes into it. It stays with the thread: used again for the next chunk, because
// fresh memory costs more than what is written into it (page faults, and collections that external memory sets off).

export class ByteBuffer {
  /** Bytes written. */
  length = 0;
  #buffer: Buffer<ArrayBuffer>;
  #view: DataView<ArrayBuffer>;

  constructor(expectedBytes: number) {
    this.#buffer = Buffer.from(new ArrayBuffer(expectedBytes));
    this.#view = new DataView(this.#buffer.buffer);
  }

  /** What is written so far; valid until more is written. */
  get bytes(): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.#buffer.buffer, 0, this.length);
  }

  get capacity(): number {
    return this.#buffer.length;
  }

  /** The same memory, to be read and written by the number (big-endian unless told). */
  get view(): DataView<ArrayBuffer> {
    return this.#view;
  }

  /** Makes room, and gives the memory to write into from `length` on; the writer advances `length`. */
  reserve(bytes: number): Buffer<ArrayBuffer> {
    const needed = this.length + bytes;
    if (needed > this.#buffer.length) {
      this.#buffer = Buffer.from(this.#buffer.buffer.transfer(Math.max(needed, this.#buffer.length * 2)));
      this.#view = new DataView(this.#buffer.buffer);
    }
    return this.#buffer;
  }

  utf8(text: string): void {
    // No UTF-16 code unit takes more than three bytes.
    this.length += this.reserve(text.length * 3).write(text, this.length, 'utf8');
  }
}
