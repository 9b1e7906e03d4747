// Decodes the records of a CSV chunk, one after the other: the splitter has found their ends and that their quotes are in
// order. Not by papaparse, with which the tests compare it: a call of it costs more than a record, and all records of a
// chunk together, or one of millions of quotes, take more than the heap of a thread. Cells become values here,
// explicitly: what is trimmed, which two words are booleans, that an array is JSON (records.md).
import type { Field, Resource } from '../src/resources/resource.ts';
import type { ChunkText } from './chunk-text.ts';
import { isBlank } from './field-checks.ts';
import type { CsvLayout } from './messages.ts';
import { parseJson } from './parse-json.ts';
import { notUtf8, type RecordDecoder, type Unreadable } from './record-decoder.ts';
import type { Values } from './validate.ts';

const quote = 0x22;

export class CsvDecoder implements RecordDecoder {
  ascii = false;
  readonly #text: ChunkText;
  readonly #delimiter: string;
  /** Of each column: the position of its field, -1 for a column that is ignored; and its type. */
  readonly #positions: number[];
  readonly #types: Field['type'][];
  /** Of the record decoded last. */
  readonly #cells: string[] = [];

  constructor(text: ChunkText, resource: Resource, { columns, delimiter }: CsvLayout) {
    const names = Object.keys(resource.fields);
    this.#text = text;
    this.#delimiter = delimiter;
    this.#positions = columns.map((name) => (name === null ? -1 : names.indexOf(name)));
    this.#types = columns.map((name) => resource.fields[name ?? '']?.type ?? 'text');
  }

  decode(record: number, values: Values): Unreadable | null {
    const text = this.#text;
    const ascii = text.isAscii(record);
    if (!ascii && !text.isUtf8(record)) return notUtf8;
    const found = this.#cut(text.text(record));
    const expected = this.#positions.length;
    if (found !== expected) return { code: 'csv', message: `expected ${expected} columns, found ${found}` };
    this.ascii = ascii;
    values.fill(undefined);
    for (let column = 0; column < expected; column++) {
      const position = this.#positions[column] as number;
      if (position < 0) continue;
      const cell = this.#cells[column] as string;
      if (!isBlank(cell)) values[position] = toValue(this.#types[column] as Field['type'], cell);
    }
    return null;
  }

  received(position: number): string | null {
    return this.#cells[this.#positions.indexOf(position)] || null;
  }

  /** @returns the number of cells; those beyond the last column are only counted: there may be millions. */
  #cut(text: string): number {
    const columns = this.#positions.length;
    let found = 0;
    let from = 0;
    for (; ; found++) {
      const quoted = text.charCodeAt(from) === quote;
      const to = quoted ? closingQuote(text, from) + 1 : text.indexOf(this.#delimiter, from);
      const end = to < 0 ? text.length : to;
      if (found < columns) this.#cells[found] = quoted ? unquote(text.slice(from + 1, end - 1)) : text.slice(from, end);
      if (end === text.length) return found + 1;
      from = end + 1;
    }
  }
}

/** @param from of the opening quote. */
function closingQuote(text: string, from: number): number {
  for (let at = from + 1; ; at += 2) {
    at = text.indexOf('"', at);
    if (at < 0) throw new Error('the splitter let a quote through that is not closed');
    if (text.charCodeAt(at + 1) !== quote) return at;
  }
}

/**
 * Two quotes stand for one. Byte by byte: of a cell of 8 MiB of quotes String.replace() makes more pieces than the heap of a
 * thread has room for, and of one of some dozen characters it is no faster.
 */
function unquote(cell: string): string {
  if (!cell.includes('"')) return cell;
  const bytes = Buffer.from(cell);
  let length = 0;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at] as number;
    bytes[length++] = byte;
    if (byte === quote) at++;
  }
  return bytes.toString('utf8', 0, length);
}

/** @param cell not blank. */
function toValue(type: Field['type'], cell: string): unknown {
  switch (type) {
    case 'text':
    case 'slug':
      return cell;
    case 'boolean': {
      const word = trim(cell);
      return word === 'true' ? true : word === 'false' ? false : word;
    }
    case 'text[]':
      return parseArray(cell);
    default:
      return trim(cell);
  }
}

function trim(cell: string): string {
  const first = cell.charCodeAt(0);
  const last = cell.charCodeAt(cell.length - 1);
  return first > 32 && first < 127 && last > 32 && last < 127 ? cell : cell.trim();
}

/** What is not JSON stays text, and is not an array. */
function parseArray(cell: string): unknown {
  try {
    return parseJson(cell) ?? undefined;
  } catch {
    return cell;
  }
}
