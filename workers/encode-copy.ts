// Encodes valid records as rows of COPY's binary format (PostgreSQL manual, COPY, "Binary Format"): the number of columns,
// then each value behind its length, columns in the order of the resource's fields. The server takes a tenth to a sixth
// less time for them than for text (bench/README.md), most of all for UUIDs. Values are in the formats of the
// server's receive functions: uuid_recv, textrecv, boolrecv, timestamptz_recv, array_recv.
import type { Field, Resource } from '../src/resources/resource.ts';
import { ByteBuffer } from './byte-buffer.ts';
import { writeTimestamp } from './timestamp.ts';
import { uuidBytes, writeUuid } from './uuid-text.ts';
import type { Values } from './validate.ts';

const nullLength = -1;
const textOid = 25;
/** Of a chunk's rows. */
const [usualBytes, maxKeptBytes] = [2 ** 21, 2 ** 24];
/** Up to here, writing character by character beats a call. */
const shortTextCharacters = 32;

export class RowEncoder {
  rows: ByteBuffer = new ByteBuffer(usualBytes);
  /** Of the row encoded last: where each value begins in `rows`; its length lies in the four bytes before. */
  readonly valueStarts: Uint32Array;
  readonly #types: readonly Field['type'][];

  constructor(resource: Resource) {
    this.#types = Object.values(resource.fields).map((field) => field.type);
    this.valueStarts = new Uint32Array(this.#types.length);
  }

  /** Begins another chunk; memory that an unusual one needed is given up. */
  reset(): void {
    if (this.rows.capacity > maxKeptBytes) this.rows = new ByteBuffer(usualBytes);
    this.rows.length = 0;
  }

  /**
   * @param values valid, in the order of the fields.
   * @param ascii no string in them has other than ASCII.
   */
  encode(values: Values, ascii: boolean): void {
    const { rows, valueStarts } = this;
    rows.reserve(2);
    rows.view.setInt16(rows.length, this.#types.length);
    rows.length += 2;
    for (let column = 0; column < this.#types.length; column++) {
      const start = rows.length + 4;
      valueStarts[column] = start;
      const value = values[column];
      if (value === null) {
        rows.reserve(4);
        rows.length = start;
        rows.view.setInt32(start - 4, nullLength);
        continue;
      }
      writeValue(rows, start, this.#types[column] as Field['type'], value, ascii);
      rows.view.setInt32(start - 4, rows.length - start);
    }
  }
}

/** Writes the value from `start` on, after four bytes for its length, and advances the buffer behind it. */
function writeValue(rows: ByteBuffer, start: number, type: Field['type'], value: unknown, ascii: boolean): void {
  switch (type) {
    case 'uuid':
      writeUuid(rows.reserve(4 + uuidBytes), start, value as string);
      rows.length = start + uuidBytes;
      break;
    case 'timestamp':
      rows.reserve(12);
      writeTimestamp(rows.view, start, value as string);
      rows.length = start + 8;
      break;
    case 'boolean':
      rows.reserve(5)[start] = value ? 1 : 0;
      rows.length = start + 1;
      break;
    case 'text[]':
      writeTextArray(rows, start, value as string[]);
      break;
    default:
      if (ascii) writeAscii(rows, start, value as string);
      else {
        rows.reserve(4);
        rows.length = start;
        rows.utf8(value as string);
      }
  }
}

function writeAscii(rows: ByteBuffer, start: number, text: string): void {
  const target = rows.reserve(4 + text.length);
  if (text.length > shortTextCharacters) target.write(text, start, 'latin1');
  else for (let i = 0; i < text.length; i++) target[start + i] = text.charCodeAt(i);
  rows.length = start + text.length;
}

/** Dimensions (none when it is empty), null flag, element type; then length and lower bound, and the elements. */
function writeTextArray(rows: ByteBuffer, start: number, elements: readonly string[]): void {
  rows.reserve(4 + 20);
  const head = elements.length === 0 ? [0, 0, textOid] : [1, 0, textOid, elements.length, 1];
  for (const [n, word] of head.entries()) rows.view.setInt32(start + n * 4, word);
  rows.length = start + head.length * 4;
  for (const element of elements) {
    rows.reserve(4);
    const elementStart = rows.length + 4;
    rows.length = elementStart;
    rows.utf8(element);
    rows.view.setInt32(elementStart - 4, rows.length - elementStart);
  }
}
