// Finds the records of CSV (RFC 4180) behind the header. A quote opens only at the start of a field; within quotes two
// stand for one; a closing quote comes before a delimiter, a line break (LF or CRLF) or the end of the file. Empty lines
// are no records. A record that breaks the rule of quotes is rejected alone: it ends with its first physical line.
//
// A quote that is never closed shows only at the end of the file, or when the record reaches its limit within quotes and
// has more than one line; any other record that is too long ends at the first line break past the limit. So that a file
// with such a quote in every line is not read to the limit from each of them: a reading that failed was within quotes at
// every line break it had passed. Whoever is within quotes at one of these reads the same from there on, and is continued
// where the failed one stopped (`#failed`). So a byte is looked at twice at most: in the first line of a record, and by
// the reading that goes furthest.
import { type RecordFault, recordFaults } from '../../workers/messages.ts';
import type { ByteInput } from './byte-input.ts';
import type { Place, RecordSink, Splitter } from './splitter.ts';

const lineFeed = 0x0a;
const carriageReturn = 0x0d;
const quote = 0x22;

/** How far a record has been read, and in which state. */
interface Reading extends Place {
  quoted: boolean;
  /** `position` is a closing quote before something that may not follow it. */
  broken: boolean;
}

export class CsvSplitter implements Splitter {
  readonly #input: ByteInput;
  readonly #records: RecordSink;
  readonly #delimiter: number;
  readonly #maxRecordBytes: number;

  /** Where the record starts. */
  readonly #start: Place;
  #at: Reading;
  /** Of the record, within quotes; -1: none so far. */
  #firstBreak = -1;
  /** Set once it is known that the record has this fault and ends at the next line break. */
  #fault: RecordFault = recordFaults.none;
  #failed: Reading = { position: -1, line: 0, quoted: false, broken: false };
  /** No quote lies between the record's start and here. */
  #nextQuote = 0;

  /** @param start the place after the header. */
  constructor(input: ByteInput, records: RecordSink, start: Place, delimiter: string, maxRecordBytes: number) {
    this.#input = input;
    this.#records = records;
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
    while (this.#passRecord()) {}
  }

  /** @returns false when more bytes are needed. */
  #passRecord(): boolean {
    if (this.#fault !== recordFaults.none) return this.#passLine();
    if (this.#at.position === this.#start.position && !this.#passEmptyLines()) return false;
    const input = this.#input;
    const nextQuote = this.#findQuote();
    if (this.#at.position <= nextQuote) {
      const lineEnd = input.find(lineFeed, this.#at.position);
      if (lineEnd !== -1 && lineEnd < nextQuote) return this.#end(lineEnd);
      this.#at.position = nextQuote;
      if (nextQuote === input.end) return this.#endOfBytes();
    }
    return this.#passQuoted();
  }

  /** @returns false when nothing else has come in. */
  #passEmptyLines(): boolean {
    while (true) {
      const { position, line } = this.#start;
      if (position === this.#input.end) return false;
      const breakBytes = this.#lineBreakAt(position);
      if (breakBytes === 0) return true;
      if (breakBytes === undefined) return false;
      this.#begin(position + breakBytes, line + 1);
    }
  }

  /** Bytes of the line break at a position, 0: there is none; undefined: that depends on bytes still to come. */
  #lineBreakAt(position: number): number | undefined {
    const byte = this.#input.byteAt(position);
    if (byte === lineFeed) return 1;
    if (byte !== carriageReturn) return 0;
    const following = this.#input.byteAt(position + 1);
    if (following === undefined && !this.#input.ended) return undefined;
    return following === lineFeed ? 2 : 0;
  }

  /** Position of the next quote in the record, or the end of the bytes. */
  #findQuote(): number {
    const { end } = this.#input;
    const from = Math.max(this.#nextQuote, this.#start.position);
    if (from === end || this.#input.byteAt(from) === quote) return (this.#nextQuote = from);
    const found = this.#input.find(quote, from);
    return (this.#nextQuote = found === -1 ? end : found);
  }

  /** Reads on in a record that has a quote. */
  #passQuoted(): boolean {
    const limit = Math.min(this.#input.end, this.#start.position + this.#maxRecordBytes + 2);
    while (this.#at.position < limit) {
      if (this.#at.quoted) {
        if (!this.#passToQuote(limit)) continue;
        const closes = this.#closesAt(this.#at.position);
        if (closes === undefined) return false;
        this.#at.broken = !closes;
        if (closes) {
          this.#at.quoted = false;
          this.#at.position++;
        }
      } else if (this.#passToBreak(limit)) {
        return this.#end(this.#at.position);
      }
      if (this.#at.broken) return this.#rejectBroken();
    }
    return this.#endOfBytes();
  }

  /** Outside quotes. @returns false when a quote opens, or at the limit. */
  #passToBreak(limit: number): boolean {
    const { bytes, offset } = this.#input;
    const start = this.#start.position - offset;
    const end = limit - offset;
    const delimiter = this.#delimiter;
    let at = this.#at.position - offset;
    for (; at < end; at++) {
      const byte = bytes[at];
      if (byte === lineFeed) break;
      if (byte === quote && (at === start || bytes[at - 1] === delimiter)) {
        this.#at.quoted = true;
        this.#at.position = offset + at + 1;
        return false;
      }
    }
    this.#at.position = offset + at;
    return at < end;
  }

  /** Within quotes. @returns false at the limit, or when a failed reading is taken over. */
  #passToQuote(limit: number): boolean {
    const { bytes, offset } = this.#input;
    const end = limit - offset;
    let at = this.#at.position - offset;
    for (; at < end; at++) {
      const byte = bytes[at];
      if (byte === quote) {
        if (bytes[at + 1] !== quote) break;
        at++;
      } else if (byte === lineFeed) {
        this.#at.line++;
        if (this.#firstBreak === -1) {
          this.#firstBreak = offset + at;
          if (this.#failed.position > this.#firstBreak) {
            this.#at = { ...this.#failed };
            return false;
          }
        }
      }
    }
    this.#at.position = offset + at;
    return at < end;
  }

  /** Whether a quote closes its field as it must; undefined: that depends on bytes still to come. */
  #closesAt(position: number): boolean | undefined {
    const following = this.#input.byteAt(position + 1);
    if (following === undefined) return this.#input.ended ? true : undefined;
    if (following === this.#delimiter) return true;
    const breakBytes = this.#lineBreakAt(position + 1);
    return breakBytes === undefined ? undefined : breakBytes > 0;
  }

  /** What there is has been read, or the limit is reached, within the record. */
  #endOfBytes(): boolean {
    const { position, quoted } = this.#at;
    // A carriage return at the limit may yet prove to be no part of the record.
    const tooLong = position - this.#start.position > this.#maxRecordBytes + 1;
    if (!tooLong && !this.#input.ended) return false;
    if (quoted && this.#firstBreak !== -1) return this.#endAtFirstBreak(recordFaults.unclosedQuote);
    if (!tooLong) return this.#end(this.#input.end, quoted ? recordFaults.unclosedQuote : recordFaults.none);
    this.#fault = recordFaults.tooLong;
    return this.#passLine();
  }

  #rejectBroken(): boolean {
    if (this.#firstBreak !== -1) return this.#endAtFirstBreak(recordFaults.afterQuote);
    this.#fault = recordFaults.afterQuote;
    return this.#passLine();
  }

  #endAtFirstBreak(fault: RecordFault): true {
    this.#failed = { ...this.#at };
    this.#at.line = this.#start.line;
    return this.#end(this.#firstBreak, fault);
  }

  /** Looks for the end of the line, and with it of a faulty record. */
  #passLine(): boolean {
    const input = this.#input;
    const lineEnd = input.find(lineFeed, this.#at.position);
    if (lineEnd !== -1) return this.#end(lineEnd, this.#fault);
    this.#at.position = input.end;
    if (input.ended) return this.#end(input.end, this.#fault);
    if (input.end - this.#start.position > this.#maxRecordBytes + 1) this.#fault = recordFaults.tooLong;
    return false;
  }

  /** @param lineEnd position of the line feed that ends the record, on the line that was reached; or the file's end. */
  #end(lineEnd: number, fault: RecordFault = recordFaults.none): true {
    const input = this.#input;
    const { position, line } = this.#start;
    const afterBreak = Math.min(lineEnd + 1, input.end);
    const hasCarriageReturn = afterBreak > lineEnd && input.byteAt(lineEnd - 1) === carriageReturn;
    const end = hasCarriageReturn ? lineEnd - 1 : lineEnd;
    const found = end - position > this.#maxRecordBytes ? recordFaults.tooLong : fault;
    this.#records.add(position, end, line, found, afterBreak, this.#at.line);
    this.#begin(afterBreak, this.#at.line + 1);
    return true;
  }

  #begin(position: number, line: number): void {
    this.#start.position = position;
    this.#start.line = line;
    this.#at.position = position;
    this.#at.line = line;
    this.#at.quoted = false;
    this.#at.broken = false;
    this.#firstBreak = -1;
    this.#fault = recordFaults.none;
  }
}
