// How rejected records become a file of the format they came in: what stands before, between and behind them, and where
// the reasons of a record go. Reasons are a last column or property that an import does not know, so it is passed over.
//
// A CSV record whose quote is still open at its end was cut off there because of what followed it in the upload. Among
// the rejected records something else follows: a stray quote there (`12",king`) might close it, and two records would be
// one. So such records come last, where only their like follow: the first quote of those, as a rule, is the one that opens
// a field, and closes none. With reasons there is no need: these begin with a quote that closes none, in the same line.
import { type RecordFault, recordFaults } from '../../workers/messages.ts';
import type { Format } from '../resources/formats.ts';
import type { Resource } from '../resources/resource.ts';
import type { ByteInput } from './byte-input.ts';
import type { RecordPlace } from './locate-records.ts';
import type { OpenedFile } from './open-file.ts';

export interface Reason {
  field?: string;
  message: string;
}

/** Text to put into the bytes of a record at a position. */
export interface Insertion {
  at: number;
  text: string;
}

export interface RejectsFrame {
  /** Before the first record. */
  head: Buffer;
  /** Before each record. */
  before(isFirst: boolean): string;
  /** Where a record's bytes end, with the line break that they had. */
  endOf(place: RecordPlace): number;
  /** @param reasons JSON of Reason[]. @returns null: there is no place for them in this record. */
  insertion(place: RecordPlace, reasons: string): Insertion | null;
  /** Whether a record must come after all those of which this is false. */
  isLast(place: RecordPlace): boolean;
  /** Behind the last record. */
  tail(isEmpty: boolean): string;
}

export function frameRejects({ format, header, mark, input }: OpenedFile, resource: Resource, withReasons: boolean) {
  const name = reasonsName(resource);
  return header
    ? frameCsv(
        Buffer.concat([mark, withReasons ? addColumn(header.bytes, header.layout.delimiter, name) : header.bytes]),
        header.layout.delimiter,
        withReasons ? () => false : (place) => isQuoteOpen(input, place, header.layout.delimiter),
      )
    : frameJson(format, mark, input, name);
}

/** A name that is none of the resource's fields. */
function reasonsName({ fields }: Resource): string {
  let name = 'errors';
  while (Object.hasOwn(fields, name)) name = `_${name}`;
  return name;
}

/** Columns that are too few or too many stay so: with one more, the record still does not fit the header. */
function frameCsv(head: Buffer, delimiter: string, isLast: RejectsFrame['isLast']): RejectsFrame {
  return {
    head,
    before: () => '',
    endOf: ({ byteEnd }) => byteEnd,
    insertion: ({ end }, reasons) => ({ at: end, text: delimiter + cell(JSON.parse(reasons) as Reason[]) }),
    isLast,
    tail: () => '',
  };
}

/** Faults of a record that ends with its first line, wherever its quotes are. */
const cutOff: readonly RecordFault[] = [recordFaults.unclosedQuote, recordFaults.afterQuote];

/** Whether a record ends within quotes. They are read as by split-csv.ts. */
function isQuoteOpen(input: ByteInput, { start, end, fault }: RecordPlace, delimiter: string): boolean {
  if (!cutOff.includes(fault)) return false;
  const [quote, separator] = [0x22, delimiter.charCodeAt(0)];
  let quoted = false;
  for (let at = start; at < end; at++) {
    if (input.byteAt(at) !== quote) continue;
    if (!quoted) quoted = at === start || input.byteAt(at - 1) === separator;
    else if (input.byteAt(at + 1) === quote && at + 1 < end) at++;
    else if (at + 1 === end || input.byteAt(at + 1) === separator) quoted = false;
    // Another byte after a closing quote: the record would end here whatever followed it.
    else return false;
  }
  return quoted;
}

function addColumn(header: Buffer, delimiter: string, name: string): Buffer {
  const text = header.toString('latin1');
  const end = text.length - (/\r?\n$/.exec(text)?.[0].length ?? 0);
  return Buffer.from(`${text.slice(0, end)}${delimiter}${name}${text.slice(end)}`, 'latin1');
}

/**
 * Begins with a letter: should a quote of the record be open still, the cell's own quote is no end of it, and the record
 * is rejected alone as before.
 */
function cell(reasons: readonly Reason[]): string {
  const text = reasons.map(({ field, message }) => (field === undefined ? message : `${field}: ${message}`)).join('; ');
  return `"${text.replaceAll(/[\r\n]+/g, ' ').replaceAll('"', '""')}"`;
}

function frameJson(format: Format, mark: Buffer, input: ByteInput, name: string): RejectsFrame {
  const isArray = format === 'json';
  return {
    head: isArray ? Buffer.concat([mark, Buffer.from('[')]) : mark,
    before: (isFirst) => (isArray ? (isFirst ? '\n' : ',\n') : ''),
    endOf: ({ end, byteEnd }) => (isArray ? end : byteEnd),
    insertion: (place, reasons) => {
      const brace = place.fault === recordFaults.tooLong ? -1 : closingBrace(input, place);
      if (brace === -1) return null;
      const isEmpty = input.byteAt(lastBefore(input, brace, place.start)) === 0x7b;
      return { at: brace, text: `${isEmpty ? '' : ','}"${name}":${reasons}` };
    },
    isLast: () => false,
    tail: (isEmpty) => (isArray ? (isEmpty ? ']\n' : '\n]\n') : ''),
  };
}

/** Position of the last brace of a record that begins and ends with one; -1: it does not. */
function closingBrace(input: ByteInput, { start, end }: RecordPlace): number {
  const last = lastBefore(input, end, start);
  return last > start && input.byteAt(start) === 0x7b && input.byteAt(last) === 0x7d ? last : -1;
}

/** Position of the last byte before `position` that is no white space, not before `start`. */
function lastBefore(input: ByteInput, position: number, start: number): number {
  let at = position - 1;
  while (at > start && [0x20, 0x09, 0x0a, 0x0d].includes(input.byteAt(at) as number)) at--;
  return at;
}
