// The messages between the main thread and a thread that reads a chunk for a preview.
import type { ParseRequest } from './messages.ts';
import type { RowError } from './row-error.ts';

/** Names of columns and properties are shown up to this length. */
export const maxNameCharacters = 100;

/** Of a CSV's columns, of a record's properties, and of the properties of all records together, so many are shown. */
export const maxColumns = 1000;

export interface PreviewRequest extends Omit<ParseRequest, 'jobId' | 'resource' | 'rowOrder'> {
  /** null: of JSON it is guessed from the properties; CSV is shown unchecked. */
  resource: string | null;
  fileName: string;
  /** Of a CSV, as they are shown. */
  columns: readonly string[];
  /** Records to show. */
  show: number;
}

/** As it was sent: text, but for JSON's numbers, booleans and null. Arrays and objects are shown as JSON text. */
export type ShownValue = string | number | boolean | null;

export interface ShownRecord {
  line: number;
  record: number;
  values: Record<string, ShownValue>;
  errors: Pick<RowError, 'field' | 'code' | 'message' | 'value'>[];
}

export interface PreviewedChunk {
  /** From the properties of JSON; null: those of no resource, or CSV. */
  guess: string | null;
  /** Of CSV the columns, of JSON the properties that the shown records have. */
  columns: readonly string[];
  records: ShownRecord[];
  /** 0: for want of a resource nothing was checked but whether the records shown are JSON. */
  checked: number;
  rejected: number;
}
