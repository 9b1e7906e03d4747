// Writes COPY's text format (PostgreSQL manual, COPY, "Text Format") into one growing buffer: the bytes of a chunk.
import { escapeCopyText } from './copy-text.ts';

const [tab, lineFeed, backslash, capitalN] = [9, 10, 92, 78];

/** Up to here a loop over the characters is faster than the call of a native function. */
const shortText = 24;

export class CopyWriter {
  /** Bytes written. */
  length = 0;
  #buffer: Buffer<ArrayBuffer>;

  constructor(expectedBytes: number) {
    this.#buffer = Buffer.from(new ArrayBuffer(expectedBytes));
  }

  /** What has been written; the writer is done with it. */
  get bytes(): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.#buffer.buffer, 0, this.length);
  }
}
