// The records of a chunk as text. What is not ASCII is decoded record by record: so one emoji does not make two-byte
// strings of its neighbours, and one invalid byte spoils no more than its record.
import { isAscii, isUtf8 } from 'node:buffer';
import { type RecordFault, recordStride } from './messages.ts';
import { NextOccurrence } from './next-occurrence.ts';

/** Bytes that hold at least as many characters as a row error keeps of a value. */
const excerptBytes = 1024;

/**
 * Records that are ASCII are decoded together, so many bytes at a time, and cut from that: a call for each takes a tenth of
 * the time that a thread has for a record (`npm run bench -- parse-comments`). What lies beyond V8's limit for an object of its
 * young generation, 128 KiB, would be collected late.
 */
const windowBytes = 32 * 1024;

export class ChunkText {
  readonly records: number;
  readonly #bytes: Buffer;
  readonly #table: Uint32Array;
  readonly #valid: boolean;
  readonly #otherThanAscii: NextOccurrence;
  /** ASCII, from `#windowStart` on. */
  #window = '';
  #windowStart = 0;

  constructor(bytes: Uint8Array<ArrayBuffer>, table: Uint32Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#table = table;
    this.records = table.length / recordStride;
    const ascii = isAscii(this.#bytes);
    this.#valid = ascii || isUtf8(this.#bytes);
    const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength >> 2);
    this.#otherThanAscii = new NextOccurrence((from) => (ascii ? -1 : findOtherThanAscii(this.#bytes, words, from)));
  }

  /** Byte position in the chunk. */
  start(record: number): number {
    return this.#table[record * recordStride] as number;
  }

  /** Byte position in the chunk, exclusive. */
  end(record: number): number {
    return this.#table[record * recordStride + 1] as number;
  }

  /** Physical line in the file, from 1. */
  line(record: number): number {
    return this.#table[record * recordStride + 2] as number;
  }

  fault(record: number): RecordFault {
    return this.#table[record * recordStride + 3] as RecordFault;
  }

  isAscii(record: number): boolean {
    return !this.#otherThanAscii.isWithin(this.start(record), this.end(record));
  }

  isUtf8(record: number): boolean {
    const start = this.start(record);
    const end = this.end(record);
    if (!this.#valid) return isUtf8(this.#bytes.subarray(start, end));
    // What lay between two records may have been left out: half a character and another half are no character.
    return !isContinuation(this.#bytes[start]) && !isContinuation(this.#bytes[end]);
  }

  /** The record's text, of one byte per character when it is ASCII; not for one that is not UTF-8. */
  text(record: number): string {
    const start = this.start(record);
    const end = this.end(record);
    if (!this.isAscii(record)) return this.#bytes.toString('utf8', start, end);
    if (start < this.#windowStart || end > this.#windowStart + this.#window.length) {
      const asciiUntil = Math.min(this.#otherThanAscii.after(start), this.#bytes.length);
      this.#windowStart = start;
      this.#window = this.#bytes.toString('latin1', start, Math.max(end, Math.min(start + windowBytes, asciiUntil)));
    }
    return this.#window.slice(start - this.#windowStart, end - this.#windowStart);
  }

  /** The record's beginning, for an error report; what is not UTF-8 becomes U+FFFD. Null when its bytes are not there. */
  excerpt(record: number): string | null {
    const start = this.start(record);
    const end = this.end(record);
    return end > start ? this.#bytes.toString('utf8', start, Math.min(end, start + excerptBytes)) : null;
  }

  /** Finds the records that hold a character of ASCII; cheapest when asked of one record after the other. */
  finder(char: string): (record: number) => boolean {
    const byte = char.charCodeAt(0);
    const next = new NextOccurrence((from) => this.#bytes.indexOf(byte, from));
    return (record) => next.isWithin(this.start(record), this.end(record));
  }
}

/** Whether the byte goes on with a character that began before it (RFC 3629). */
function isContinuation(byte = 0): boolean {
  return (byte & 0xc0) === 0x80;
}

/** Looks at four bytes at a time; the words start where the bytes do. */
function findOtherThanAscii(bytes: Uint8Array, words: Uint32Array, from: number): number {
  let at = from;
  const firstWord = (from + 3) >> 2;
  for (const end = Math.min(firstWord * 4, bytes.length); at < end; at++) if ((bytes[at] as number) > 127) return at;
  let word = firstWord;
  while (word < words.length && ((words[word] as number) & 0x8080_8080) === 0) word++;
  for (at = Math.max(at, word * 4); at < bytes.length; at++) if ((bytes[at] as number) > 127) return at;
  return -1;
}
