// One visit of a record: decode, then check. What breaks a rule comes back as row errors, with the place in the file.
import type { Resource } from '../src/resources/resource.ts';
import type { ChunkText } from './chunk-text.ts';
import { CsvDecoder } from './decode-csv.ts';
import { JsonDecoder } from './decode-json.ts';
import { type ParseRequest, type RecordFault, recordFaults } from './messages.ts';
import type { RecordDecoder, Unreadable } from './record-decoder.ts';
import type { RowError } from './row-error.ts';
import type { RecordCheck, Values } from './validate.ts';

export type RecordRequest = Pick<ParseRequest, 'format' | 'csv' | 'now' | 'firstRecord'>;

const none: readonly RowError[] = Object.freeze([]);

const faultMessages: Record<Exclude<RecordFault, 0>, Unreadable> = {
  [recordFaults.unclosedQuote]: { code: 'csv', message: 'quoted field is not closed' },
  [recordFaults.afterQuote]: { code: 'csv', message: 'unexpected character after a closing quote' },
  [recordFaults.tooLong]: { code: 'length', message: 'record must be at most 8 MiB' },
};

export class RecordReader {
  readonly #request: RecordRequest;
  readonly #text: ChunkText;
  readonly #fields: readonly string[];
  readonly #check: RecordCheck;
  readonly #decoder: RecordDecoder;
  /** Of the record read last, in the order of the resource's fields; of use only when it broke no rule. */
  readonly values: Values;

  constructor(request: RecordRequest, text: ChunkText, resource: Resource, check: RecordCheck) {
    this.#request = request;
    this.#text = text;
    this.#fields = Object.keys(resource.fields);
    this.#check = check;
    this.#decoder = createDecoder(request, text, resource);
    this.values = this.#fields.map(() => undefined);
  }

  /** Whether the strings among the values hold nothing but ASCII. */
  get ascii(): boolean {
    return this.#decoder.ascii;
  }

  /** @param n the record's position in the chunk. @returns every rule that it breaks; none: `values` are valid. */
  read(n: number): readonly RowError[] {
    const text = this.#text;
    const { format, now, firstRecord } = this.#request;
    const fault = text.fault(n);
    const unreadable = fault === recordFaults.none ? this.#decoder.decode(n, this.values) : faultMessages[fault];
    if (unreadable) {
      const field = format === 'csv' ? 'csv' : 'json';
      return [{ record: firstRecord + n, line: text.line(n), field, ...unreadable, value: text.excerpt(n) }];
    }
    const broken = this.#check(this.values, format, now);
    if (broken.length === 0) return none;
    const place = { record: firstRecord + n, line: text.line(n) };
    return broken.map(({ position, code, message }) => ({
      ...place,
      field: this.#fields[position] as string,
      code,
      message,
      value: this.#decoder.received(position),
    }));
  }
}

function createDecoder({ csv, format }: RecordRequest, text: ChunkText, resource: Resource): RecordDecoder {
  if (format !== 'csv') return new JsonDecoder(text, resource);
  if (!csv) throw new Error('a CSV chunk comes with its layout');
  return new CsvDecoder(text, resource, csv);
}
