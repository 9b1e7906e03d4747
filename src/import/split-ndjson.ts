// Finds the records of NDJSON: lines, without the white space before them and a carriage return at their end. Lines of
// nothing but white space (RFC 8259: blank, tab, CR, LF) are no records.
import { recordFaults } from '../../workers/messages.ts';
import type { ByteInput } from './byte-input.ts';
import type { Place, RecordSink, Splitter } from './splitter.ts';
import { skipWhiteSpace } from './white-space.ts';

const lineFeed = 0x0a;
const carriageReturn = 0x0d;

export class NdjsonSplitter implements Splitter {
  readonly #input: ByteInput;
  readonly #records: RecordSink;
  readonly #maxRecordBytes: number;
  /** Where the record starts, or the white space before it. */
  readonly #start: Place;
  /** No line feed lies between the record's start and here. */
  #searched: number;

  constructor(input: ByteInput, records: RecordSink, start: Place, maxRecordBytes: number) {
    this.#input = input;
    this.#records = records;
    this.#start = start;
    this.#searched = start.position;
    this.#maxRecordBytes = maxRecordBytes;
  }

  get next(): number {
    return this.#isTooLong(this.#searched) ? this.#searched : this.#start.position;
  }

  get line(): number {
    return this.#start.line;
  }

  split(): void {
    const input = this.#input;
    while (true) {
      if (this.#searched === this.#start.position) {
        const found = skipWhiteSpace(input, this.#start);
        this.#searched = this.#start.position;
        if (!found) return;
      }
      const found = input.find(lineFeed, this.#searched);
      if (found === -1 && !input.ended) {
        this.#searched = input.end;
        return;
      }
      this.#add(found === -1 ? input.end : found);
    }
  }

  /** @param lineEnd position of the line feed, or the file's end. */
  #add(lineEnd: number): void {
    const { position, line } = this.#start;
    const end = this.#input.byteAt(lineEnd - 1) === carriageReturn ? lineEnd - 1 : lineEnd;
    const fault = end - position > this.#maxRecordBytes ? recordFaults.tooLong : recordFaults.none;
    const next = Math.min(lineEnd + 1, this.#input.end);
    this.#records.add(position, end, line, fault, next, line);
    this.#start.position = next;
    this.#start.line = line + 1;
    this.#searched = next;
  }

  /** With room for a carriage return that may prove to be no part of the record. */
  #isTooLong(end: number): boolean {
    return end - this.#start.position > this.#maxRecordBytes + 1;
  }
}
