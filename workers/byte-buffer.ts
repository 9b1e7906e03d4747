// A buffer that grows while text is written into it. What it holds at the end is transferred to another thread.

/** Up to here a loop over the characters is faster than the call of a native function. */
const shortText = 24;

export class ByteBuffer {
  /** Bytes written. */
  length = 0;
  #buffer: Buffer<ArrayBuffer>;

  constructor(expectedBytes: number) {
    this.#buffer = Buffer.from(new ArrayBuffer(expectedBytes));
  }

  /** What is written so far; valid until more is written. */
  get bytes(): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.#buffer.buffer, 0, this.length);
  }

  byte(byte: number): void {
    this.reserve(1)[this.length++] = byte;
  }

  /** @param text nothing but ASCII. */
  ascii(text: string): void {
    const { length } = text;
    const buffer = this.reserve(length);
    if (length > shortText) {
      buffer.write(text, this.length, 'latin1');
      this.length += length;
      return;
    }
    let at = this.length;
    for (let i = 0; i < length; i++) buffer[at++] = text.charCodeAt(i);
    this.length = at;
  }

  /** @param text digits, hyphens and letters of ASCII; written in lower case. */
  lowerCase(text: string): void {
    const { length } = text;
    const buffer = this.reserve(length);
    let at = this.length;
    // The bit that makes a capital a small letter is set in digits and hyphens already.
    for (let i = 0; i < length; i++) buffer[at++] = text.charCodeAt(i) | 0x20;
    this.length = at;
  }

  utf8(text: string): void {
    // No UTF-16 code unit takes more than three bytes.
    this.length += this.reserve(text.length * 3).write(text, this.length, 'utf8');
  }

  copy(source: Uint8Array, start: number, end: number): void {
    const buffer = this.reserve(end - start);
    let at = this.length;
    for (let i = start; i < end; i++) buffer[at++] = source[i] as number;
    this.length = at;
  }

  /** Makes room, and gives the memory to write into from `length` on; the writer advances `length`. */
  reserve(bytes: number): Buffer<ArrayBuffer> {
    const needed = this.length + bytes;
    if (needed > this.#buffer.length) {
      this.#buffer = Buffer.from(this.#buffer.buffer.transfer(Math.max(needed, this.#buffer.length * 2)));
    }
    return this.#buffer;
  }
}
