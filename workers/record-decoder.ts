// What the two decoders have in common: they turn the records of a chunk, in order, into the values of a resource's fields.
import type { Values } from './validate.ts';

/** Why a record cannot be read at all. */
export interface Unreadable {
  code: string;
  message: string;
}

export interface RecordDecoder {
  /**
   * Puts the values of a record into `values`; undefined for what is absent, null or empty.
   * @returns null, or why the record cannot be read; `values` then say nothing.
   */
  decode(record: number, values: Values): Unreadable | null;
  /** Whether the strings of the decoded record hold nothing but ASCII. */
  readonly ascii: boolean;
  /** What the decoded record brought for a field, by its position in the resource; null for nothing. */
  received(position: number): string | null;
}

export const notUtf8: Unreadable = { code: 'encoding', message: 'not valid UTF-8' };
