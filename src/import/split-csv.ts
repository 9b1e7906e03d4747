// Finds the records of CSV (RFC 4180), the header excepted. A quote opens only at the start of a field; within quotes two
// stand for one; a closing quote comes before a delimiter, a line break (LF or CRLF) or the end of the file. Empty lines
// are no records. A record that breaks the rule of quotes is rejected alone: it consists of its first physical line, and
// reading goes on at the next one.
//
// A quote that is never closed shows only at the end of the file, or when the record has reached its limit and has more
// than one line; a record that is too long otherwise ends at the first line break past the limit. So that a file with
// such a quote in every line is not read to its limit from each of them: whatever led to a fault was within quotes at
// every line break that it passed, so each later record that is within quotes at one of these line breaks goes the same
// way from there on. It is continued where the failed one ended (`#failed`). A byte is looked at twice at most: with the
// first line of a record, and with the one record that goes furthest.
import { type RecordFault, recordFaults } from '../../workers/messages.ts';
import type { ByteInput } from './byte-input.ts';
import type { ChunkBuilder } from './chunk-builder.ts';
import type { Place, Splitter } from './splitter.ts';

const lineFeed = 0x0a;
const carriageReturn = 0x0d;
const quote = 0x22;

/** How the bytes up to `position` read, coming from the record's start. */
interface Reading extends Place {
  quoted: boolean;
  /** A closing quote stands before something that may not follow it. */
  broken: boolean;
}

export class CsvSplitter implements Splitter {
  readonly #input: ByteInput;
  readonly #chunks: ChunkBuilder;
  readonly #maxRecordBytes: number;
  readonly #delimiter: number;

  /** Where the record starts. */
  readonly #start: Place;
  readonly #at: Reading;
  /** The record's first line break within quotes; -1: there is none so far. */
  #firstBreak = -1;
  /** The fault of a record that is one physical line whatever follows; its end is still to be found. */
  #fault: RecordFault = recordFaults.none;
  /** Where the last record that turned out faulty after its first line was given up. */
  #failed: Reading = { position: -1, line: 0, quoted: false, broken: false };
  /** The next quote at or after the record's start, or the position up to which there is none. */
  #nextQuote = -1;

  constructor(input: ByteInput, chunks: ChunkBuilder, start: Place, delimiter: string, maxRecordBytes: number) {
    this.#input = input;
    this.#chunks = chunks;
    this.#start = { ...start };
    this.#at = { ...start, quoted: false, broken: false };
    this.#delimiter = delimiter.charCodeAt(0);
    this.#maxRecordBytes = maxRecordBytes;
  }

  get next(): number {
    return this.#fault === recordFaults.tooLong ? this.#at.position : this.#start.position;
  }

  get line(): number {
    return this.#start.line;
  }

  split(): void {
    while (this.#start.position < this.#input.end && this.#passRecord()) {}
  }

  /** @returns false when more bytes are needed. */
  #passRecord(): boolean {
    if (this.#fault !== recordFaults.none) return this.#passLine();
    if (this.#at.position === this.#start.position && this.#startsWithBreak()) return this.#passBreak();
    if (this.#isPlain()) {
      const lineEnd = this.#passPlain();
      if (lineEnd === 'more') return false;
      if (lineEnd !== 'quote') return this.#endAt(lineEnd);
    }
    return this.#passQuoted();
  }
}
