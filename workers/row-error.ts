// Row errors: why a record was rejected, and their COPY text for bulk.row_errors. Written by the parse workers and by
// conflict resolution; the errors of one record come from one of the two, never from both, so each numbers them by itself.
import { ByteBuffer } from './byte-buffer.ts';
import { escapeCopyText } from './copy-text.ts';

/** Where a record stands in the file: its ordinal and its physical line, both from 1. */
export interface Place {
  record: number;
  line: number;
}

export interface RowError extends Place {
  field: string | null;
  code: string;
  message: string;
  /** What was received, of any length; null when nothing was. */
  value: string | null;
}

const maxValueCharacters = 200;

/** A record with that key comes earlier in the file, or is in the table. */
export function duplicateError(place: Place, field: string, value: string | null): RowError {
  return { ...place, field, code: 'duplicate', message: `duplicate ${field}`, value };
}

/** @param singular of the resource that is referred to. */
export function referenceError(place: Place, field: string, singular: string, value: string | null): RowError {
  return { ...place, field, code: 'reference', message: `referenced ${singular} does not exist`, value };
}

/** @param name of the constraint, or what else the database says of a rule that only it knows. */
export function constraintError(place: Place, column: string | null, name: string): RowError {
  return { ...place, field: column, code: 'constraint', message: `violates ${name}`, value: null };
}

/**
 * The errors as COPY text, the columns as in rowErrorColumns of db/tables.ts; nothing in it can make COPY fail: what PostgreSQL
 * cannot store becomes U+FFFD. Each is written when it is found: a chunk may have tens of thousands, and kept as
 * objects they would cost the collector more than all the rest of the chunk.
 */
export class RowErrorWriter {
  readonly #jobId: string;
  readonly #copy = new ByteBuffer(0);
  #record = 0;
  #n = 0;
  /** Errors written. */
  count = 0;

  constructor(jobId: string) {
    this.#jobId = jobId;
  }

  /** The errors of one record are written one after the other, in the order to be reported. */
  write({ record, line, field, code, message, value }: RowError): void {
    this.#n = record === this.#record ? this.#n + 1 : 0;
    this.#record = record;
    this.count++;
    this.#copy.utf8(
      `${this.#jobId}\t${record}\t${this.#n}\t${line}\t${column(field)}\t${code}\t${column(message)}\t${column(value && cutValue(value))}\n`,
    );
  }

  get copy(): Uint8Array<ArrayBuffer> {
    return this.#copy.bytes;
  }
}

function column(text: string | null): string {
  if (text === null) return '\\N';
  return plainText.test(text) ? text : escapeCopyText(text.toWellFormed().replaceAll('\0', '\ufffd'));
}

/** Printable ASCII without a backslash: nearly all columns. */
const plainText = /^[ -[\]-~]*$/;

/** The first 200 characters; a pair of surrogates is one character. */
export function cutValue(value: string): string {
  if (value.length <= maxValueCharacters) return value;
  let end = 0;
  for (let characters = 0; characters < maxValueCharacters && end < value.length; characters++) {
    end += (value.codePointAt(end) as number) > 0xffff ? 2 : 1;
  }
  return value.slice(0, end);
}
