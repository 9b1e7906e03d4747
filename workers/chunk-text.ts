// The records of a chunk as text. The bytes are read as Latin-1 once, so positions in that text are positions in the
// bytes and its strings take one byte per character; a record with other than ASCII bytes is decoded by itself. So
// neither one emoji makes two-byte strings of a whole chunk, nor one invalid byte spoils more than its record.
import { isAscii, isUtf8 } from 'node:buffer';
import { type RecordFault, recordStride } from './messages.ts';
import { NextOccurrence } from './next-occurrence.ts';

/** Bytes that hold at least as many characters as a row error keeps of a value. */
const excerptBytes = 1024;

export class ChunkText {
  /** The whole chunk, one character per byte. */
  readonly latin1: string;
  readonly records: number;
  readonly #buffer: Buffer;
  readonly #table: Uint32Array;
  readonly #valid: boolean;
  readonly #otherThanAscii: NextOccurrence;

  constructor(bytes: ArrayBuffer, table: Uint32Array) {
    this.#buffer = Buffer.from(bytes);
    this.#table = table;
    this.records = table.length / recordStride;
    this.latin1 = this.#buffer.toString('latin1');
    const ascii = isAscii(this.#buffer);
    this.#valid = ascii || isUtf8(this.#buffer);
    this.#otherThanAscii = new NextOccurrence(ascii ? () => -1 : (from) => findOtherThanAscii(this.#buffer, from));
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

  /** Whether the record is the same in `latin1` as in UTF-8. */
  isAscii(record: number): boolean {
    return !this.#otherThanAscii.isWithin(this.start(record), this.end(record));
  }

  isUtf8(record: number): boolean {
    const start = this.start(record);
    const end = this.end(record);
    if (!this.#valid) return isUtf8(this.#buffer.subarray(start, end));
    // What lay between two records may have been left out: half a character and another half are no character.
    return !isContinuation(this.#buffer[start]) && !isContinuation(this.#buffer[end]);
  }

  text(record: number): string {
    const start = this.start(record);
    const end = this.end(record);
    return this.isAscii(record) ? this.latin1.slice(start, end) : this.#buffer.toString('utf8', start, end);
  }

  /** The record's beginning, for an error report; what is not UTF-8 becomes U+FFFD. Null when its bytes are not there. */
  excerpt(record: number): string | null {
    const start = this.start(record);
    const end = this.end(record);
    return end > start ? this.#buffer.toString('utf8', start, Math.min(end, start + excerptBytes)) : null;
  }
}

/** Whether the byte goes on with a character that began before it (RFC 3629). */
function isContinuation(byte = 0): boolean {
  return (byte & 0xc0) === 0x80;
}

function findOtherThanAscii(bytes: Uint8Array, from: number): number {
  for (let at = from; at < bytes.length; at++) if ((bytes[at] as number) > 127) return at;
  return -1;
}
