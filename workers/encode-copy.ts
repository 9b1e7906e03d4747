// Encodes valid records as rows of COPY's text format (PostgreSQL manual, COPY, "Text Format"): one line a row, columns
// in the order of the resource's fields, UUIDs in lower case, arrays as PostgreSQL array literals.
import type { Field, Resource } from '../src/resources/resource.ts';
import { ByteBuffer } from './byte-buffer.ts';
import { escapeCopyText } from './copy-text.ts';
import { storedTimestamp } from './timestamp.ts';
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
    const { text, columnStarts } = this;
    const columns = this.#types.length;
    for (let column = 0; column < columns; column++) {
      if (column > 0) text.byte(tab);
      columnStarts[column] = text.length;
      this.#encodeValue(this.#types[column] as Field['type'], values[column], plain);
    }
    text.byte(lineFeed);
    columnStarts[columns] = text.length;
  }

  #encodeValue(type: Field['type'], value: unknown, plain: boolean): void {
    const { text } = this;
    if (value === null) text.ascii('\\N');
    else if (type === 'uuid') text.lowerCase(value as string);
    else if (type === 'timestamp') text.ascii(storedTimestamp(value as string));
    else if (type === 'boolean') text.ascii(value ? 't' : 'f');
    else if (type === 'text[]') text.utf8(escapeCopyText(arrayLiteral(value as string[])));
    else if (plain) text.ascii(value as string);
    else text.utf8(escapeCopyText(value as string));
  }
}

/** Every element in quotes: so neither an empty one nor the word NULL is mistaken (PostgreSQL manual, 8.15.6). */
function arrayLiteral(elements: readonly string[]): string {
  if (elements.length === 0) return '{}';
  return `{"${elements.map((element) => element.replace(/["\\]/g, '\\$&')).join('","')}"}`;
}
