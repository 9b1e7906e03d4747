// Finds the elements of a JSON array by counting brackets and passing over strings. An element need not be an object,
// nor valid: the array goes on behind it as long as its brackets and quotes are in order. What keeps the array itself
// from being read (no comma between elements, something after its end, no end) is a fault of the file.
// Each byte is looked at once; of an element that is too long nothing is kept.
import { recordFaults } from '../../workers/messages.ts';
import type { ByteInput } from './byte-input.ts';
import { FileFault } from './file-fault.ts';
import type { Place, RecordSink, Splitter } from './splitter.ts';
import { skipWhiteSpace } from './white-space.ts';

const quote = 0x22;
const comma = 0x2c;
const backslash = 0x5c;
const closingBracket = 0x5d;
const lineFeed = 0x0a;

/** Bytes at which something happens outside a string. */
const structural = tableOf('"[]{}\n');
/** The same within a string. */
const ending = tableOf('"\\\n');
/** Bytes that end a number or a word. */
const delimiting = tableOf('"[]{},\n\r\t ');

function tableOf(bytes: string): Uint8Array {
  const table = new Uint8Array(256);
  for (const byte of Buffer.from(bytes)) table[byte] = 1;
  return table;
}

type State =
  /** Before the first element, or after a comma. */
  | 'first'
  | 'element'
  /** Within an element: one with brackets or a string; a number or a word. */
  | 'nested'
  | 'word'
  /** After an element, after the array. */
  | 'after'
  | 'end';

export class JsonSplitter implements Splitter {
  readonly #input: ByteInput;
  readonly #records: RecordSink;
  readonly #maxRecordBytes: number;
  #state: State = 'first';
  /** How many brackets are open within the element. */
  #depth = 0;
  #quoted = false;
  readonly #at: Place;
  /** Start of the element that has been begun. */
  readonly #start: Place;

  /** @param afterBracket the place after the array's opening bracket. */
  constructor(input: ByteInput, records: RecordSink, afterBracket: Place, maxRecordBytes: number) {
    this.#input = input;
    this.#records = records;
    this.#at = { ...afterBracket };
    this.#start = { ...afterBracket };
    this.#maxRecordBytes = maxRecordBytes;
  }

  get next(): number {
    return this.#isWithin() && !this.#isTooLong() ? this.#start.position : this.#at.position;
  }

  get line(): number {
    return this.#isWithin() ? this.#start.line : this.#at.line;
  }

  split(): void {
    const { bytes, offset, ended } = this.#input;
    while (this.#at.position - offset < bytes.length && this.#step()) {}
    if (!ended || this.#state === 'end') return;
    const where = this.#isWithin() ? 'within an element of the array' : 'before the end of the array';
    throw this.#fault(`the file ends ${where}`, true);
  }

  /** @returns false when more bytes are needed. */
  #step(): boolean {
    switch (this.#state) {
      case 'nested':
        return this.#passNested();
      case 'word':
        return this.#passWord();
      default:
        return skipWhiteSpace(this.#input, this.#at) && this.#passSeparator();
    }
  }

  #passSeparator(): true {
    const byte = this.#input.byteAt(this.#at.position);
    if (this.#state === 'end') throw this.#fault('something follows the end of the array');
    if (byte === closingBracket && this.#state !== 'element') this.#state = 'end';
    else if (this.#state === 'after') {
      if (byte !== comma) throw this.#fault('a comma or the end of the array is missing after an element');
      this.#state = 'element';
    } else {
      this.#begin(byte);
      return true;
    }
    this.#at.position++;
    return true;
  }

  #begin(byte: number | undefined): void {
    this.#start.position = this.#at.position;
    this.#start.line = this.#at.line;
    this.#depth = 0;
    if (byte === comma || byte === closingBracket || byte === 0x7d) throw this.#fault('an element is missing');
    this.#state = byte === quote || byte === 0x5b || byte === 0x7b ? 'nested' : 'word';
  }

  /** Reads on in an element that is a string, or has brackets. Hot: everything is in local variables. */
  #passNested(): boolean {
    const { bytes, offset } = this.#input;
    const { length } = bytes;
    let at = this.#at.position - offset;
    let { line } = this.#at;
    let depth = this.#depth;
    let quoted = this.#quoted;
    let whole = false;
    while (!whole) {
      const stops = quoted ? ending : structural;
      while (at < length && stops[bytes[at] as number] === 0) at++;
      if (at === length) break;
      const byte = bytes[at] as number;
      if (byte === lineFeed) line++;
      else if (byte === quote) {
        quoted = !quoted;
        whole = depth === 0 && !quoted;
      } else if (byte === backslash) {
        // What is escaped is passed over with its backslash, as soon as it is there.
        if (at + 1 === length) break;
        if (bytes[++at] === lineFeed) line++;
      }
      // Opening brackets are 0x5b and 0x7b, closing ones 0x5d and 0x7d.
      else if ((byte & 0x06) === 0x02) depth++;
      else whole = --depth === 0;
      at++;
    }
    this.#at.position = offset + at;
    this.#at.line = line;
    this.#depth = depth;
    this.#quoted = quoted;
    if (whole) this.#add();
    return whole;
  }

  #passWord(): boolean {
    const { bytes, offset } = this.#input;
    let at = this.#at.position - offset;
    while (at < bytes.length && delimiting[bytes[at] as number] === 0) at++;
    this.#at.position = offset + at;
    if (at === bytes.length) return false;
    this.#add();
    return true;
  }

  #add(): void {
    const fault = this.#isTooLong() ? recordFaults.tooLong : recordFaults.none;
    const { position, line } = this.#at;
    this.#records.add(this.#start.position, position, this.#start.line, fault, position, line);
    this.#state = 'after';
  }

  #isWithin(): boolean {
    return this.#state === 'nested' || this.#state === 'word';
  }

  #isTooLong(): boolean {
    return this.#at.position - this.#start.position > this.#maxRecordBytes;
  }

  #fault(message: string, endsEarly = false): FileFault {
    return new FileFault('malformed_json', message, this.line, { endsEarly });
  }
}
