// Decodes the records of a CSV chunk. A record without a quote is cut at its delimiters right here; all records of the
// chunk that have one go through papaparse together, because a call of it costs more than a record. Cells become values
// here, explicitly: what is trimmed, which two words are booleans, that an array is JSON (records.md).
import papa from 'papaparse';
import type { Field, Resource } from '../src/resources/resource.ts';
import type { ChunkText } from './chunk-text.ts';
import { isBlank } from './field-checks.ts';
import { type CsvLayout, recordFaults } from './messages.ts';
import { parseJson } from './parse-json.ts';
import { notUtf8, type RecordDecoder, type Unreadable } from './record-decoder.ts';
import type { Values } from './validate.ts';

export class CsvDecoder implements RecordDecoder {
  ascii = false;
  readonly #text: ChunkText;
  readonly #delimiter: string;
  /** Of each column: the position of its field, -1 for a column that is ignored; and its type. */
  readonly #positions: number[];
  readonly #types: Field['type'][];
  readonly #quoted: ReadonlyMap<number, string[]>;
  /** Of the record decoded last. */
  #cells: string[] = [];
  /** Used again for each record that is cut here. */
  readonly #ownCells: string[] = [];

  constructor(text: ChunkText, resource: Resource, { columns, delimiter }: CsvLayout) {
    const names = Object.keys(resource.fields);
    this.#text = text;
    this.#delimiter = delimiter;
    this.#positions = columns.map((name) => (name === null ? -1 : names.indexOf(name)));
    this.#types = columns.map((name) => resource.fields[name ?? '']?.type ?? 'text');
    this.#quoted = parseQuoted(text, delimiter);
  }

  decode(record: number, values: Values): Unreadable | null {
    const text = this.#text;
    const ascii = text.isAscii(record);
    if (!ascii && !text.isUtf8(record)) return notUtf8;
    const quoted = this.#quoted.get(record);
    this.#cells = quoted ?? this.#ownCells;
    const found = quoted?.length ?? this.#cut(text.text(record));
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
      const to = text.indexOf(this.#delimiter, from);
      if (found < columns) this.#ownCells[found] = text.slice(from, to < 0 ? text.length : to);
      if (to < 0) return found + 1;
      from = to + 1;
    }
  }
}

/** The cells of those records of the chunk that have a quote. */
function parseQuoted(text: ChunkText, delimiter: string): Map<number, string[]> {
  const cells = new Map<number, string[]>();
  const hasQuote = text.finder('"');
  const records: number[] = [];
  // Papaparse drops a BOM at the very beginning: a line of its own keeps it from the first record.
  let csv = '';
  for (let record = 0; record < text.records; record++) {
    if (text.fault(record) !== recordFaults.none || !hasQuote(record)) continue;
    if (!text.isAscii(record) && !text.isUtf8(record)) continue;
    records.push(record);
    csv += `\n${text.text(record)}`;
  }
  if (records.length === 0) return cells;
  const { data } = papa.parse<string[]>(csv, { delimiter, newline: '\n', quoteChar: '"', header: false });
  if (data.length !== records.length + 1) throw new Error('papaparse and the splitter disagree on where records end');
  for (const [n, record] of records.entries()) cells.set(record, data[n + 1] as string[]);
  return cells;
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
