// A buffer that grows while text is written into it. What it holds at the end is transferred to another thread.

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

  /** The same memory, to be read and written by the word. */
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

  byte(byte: number): void {
    this.reserve(1)[this.length++] = byte;
  }

  /** @param text nothing but ASCII. */
  ascii(text: string): void {
    this.length += this.reserve(text.length).write(text, this.length, 'latin1');
  }

  utf8(text: string): void {
    // No UTF-16 code unit takes more than three bytes.
    this.length += this.reserve(text.length * 3).write(text, this.length, 'utf8');
  }
}
