// Encodes valid records as rows of COPY's text format (PostgreSQL manual, COPY, "Text Format"): one line a row, columns
// in the order of the resource's fields, UUIDs in lower case, arrays as PostgreSQL array literals.
import type { Field, Resource } from '../src/resources/resource.ts';
import { ByteBuffer } from './byte-buffer.ts';
import { escapeCopyText } from './copy-text.ts';
import { storedTimestamp } from './timestamp.ts';
import { lowerUuid } from './uuid-words.ts';
import type { Values } from './validate.ts';

const [tab, lineFeed] = [9, 10];

export class RowEncoder {
  readonly text: ByteBuffer;
  /** Of the row encoded last: where each column begins in `text`, and, at the end, where a next one would. */
  readonly columnStarts: Uint32Array;
  readonly #types: readonly Field['type'][];

  constructor(resource: Resource, expectedBytes: number) {
    this.#types = Object.values(resource.fields).map((field) => field.type);
    this.columnStarts = new Uint32Array(this.#types.length + 1);
    this.text = new ByteBuffer(expectedBytes);
  }

  /**
   * @param values valid, in the order of the fields.
   * @param plain no string in them has anything that COPY escapes, nor other than ASCII.
   */
  encode(values: Values, plain: boolean): void {
    if (plain) this.#encodePlain(values);
    else this.#encodeAny(values);
    const { text, columnStarts } = this;
    columnStarts[this.#types.length] = text.length;
    for (let column = 0; column < this.#types.length; column++) {
      if (this.#types[column] === 'uuid' && values[column] !== null)
        lowerUuid(text.view, columnStarts[column] as number);
    }
  }

  /** Characters are bytes here, so the row is put together as one string and written at once. */
  #encodePlain(values: Values): void {
    const { text, columnStarts } = this;
    let row = '';
    for (let column = 0; column < this.#types.length; column++) {
      columnStarts[column] = text.length + row.length;
      row += `${columnText(this.#types[column] as Field['type'], values[column])}\t`;
    }
    text.ascii(row);
    text.reserve(0)[text.length - 1] = lineFeed;
  }

  #encodeAny(values: Values): void {
    const { text, columnStarts } = this;
    for (let column = 0; column < this.#types.length; column++) {
      columnStarts[column] = text.length;
      const value = values[column];
      if (value === null) text.ascii(nullText);
      else text.utf8(escapeCopyText(columnText(this.#types[column] as Field['type'], value)));
      text.byte(tab);
    }
    text.reserve(0)[text.length - 1] = lineFeed;
  }
}

const nullText = '\\N';

function columnText(type: Field['type'], value: unknown): string {
  if (value === null) return nullText;
  switch (type) {
    case 'boolean':
      return value ? 't' : 'f';
    case 'timestamp':
      return storedTimestamp(value as string);
    case 'text[]':
      return arrayLiteral(value as string[]);
    default:
      return value as string;
  }
}

/** Every element in quotes: so neither an empty one nor the word NULL is mistaken (PostgreSQL manual, 8.15.6). */
function arrayLiteral(elements: readonly string[]): string {
  if (elements.length === 0) return '{}';
  return `{"${elements.map((element) => (/["\\]/.test(element) ? element.replace(/["\\]/g, '\\$&') : element)).join('","')}"}`;
}
