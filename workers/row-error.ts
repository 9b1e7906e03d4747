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

/** Of an error's COPY text, to begin with. */
const expectedBytes = 160;

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
 * The errors as COPY text, the columns as in rowErrorColumns of db/tables.ts. Nothing in it can make COPY fail: what PostgreSQL cannot store becomes U+FFFD.
 * @param errors those of one record next to each other, in the order to be reported.
 */
export function encodeRowErrors(
  jobId: string,
  errors: readonly RowError[],
): { copy: Uint8Array<ArrayBuffer>; count: number } {
  const copy = new ByteBuffer(errors.length * expectedBytes);
  let record = 0;
  let n = 0;
  for (const error of errors) {
    n = error.record === record ? n + 1 : 0;
    record = error.record;
    const { line, field, code, message, value } = error;
    copy.utf8(
      `${jobId}\t${record}\t${n}\t${line}\t${column(field)}\t${code}\t${column(message)}\t${column(value && cutValue(value))}\n`,
    );
  }
  return { copy: copy.bytes, count: errors.length };
}

function column(text: string | null): string {
  return text === null ? '\\N' : escapeCopyText(text.toWellFormed().replaceAll('\0', '\ufffd'));
}

/** The first 200 characters; a pair of surrogates is one character. */
export function cutValue(value: string): string {
  if (value.length <= maxValueCharacters) return value;
  let end = 0;
  for (let characters = 0; characters < maxValueCharacters && end < value.length; characters++) {
    end += (value.codePointAt(end) as number) > 0xffff ? 2 : 1;
  }
  return value.slice(0, end);
}
