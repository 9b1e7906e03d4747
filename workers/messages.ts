// The messages between the main thread and the parse workers. Everything large travels as a transferred buffer;
// no record object crosses the boundary.
import type { Format } from '../src/resources/formats.ts';

/**
 * Faults that the splitter finds while looking for a record's end. Such a record is rejected without being decoded.
 * `tooLong`: more than the record limit (8 MiB), its bytes are not in the chunk (start = end).
 */
export const recordFaults = { none: 0, unclosedQuote: 1, afterQuote: 2, tooLong: 3 } as const;
export type RecordFault = (typeof recordFaults)[keyof typeof recordFaults];

/** Numbers per record in a record table: start and end in the chunk's bytes, physical line in the file, fault. */
export const recordStride = 4;

/** A run of whole records, as the splitter cuts it out of the (unpacked, BOM-free) file. */
export interface Chunk {
  /** Position among the file's chunks, from 0. */
  index: number;
  /** Ordinal of the first record in the file, from 1. */
  firstRecord: number;
  records: number;
  /** Physical lines covered, from 1, both inclusive; neighbouring chunks leave no line out. */
  firstLine: number;
  lastLine: number;
  /** Byte range covered in the unpacked file, end exclusive; neighbouring chunks touch. */
  byteStart: number;
  byteEnd: number;
  /** Bytes of the stored file (compressed ones, for a .gz) read when the chunk was complete; for progress only. */
  sourceEnd: number;
  /** The records' bytes; record boundaries are in `table`, separators are not part of a record. */
  bytes: Uint8Array<ArrayBuffer>;
  /** `recordStride` numbers per record. */
  table: Uint32Array<ArrayBuffer>;
}

/** What a CSV header says: the field each column feeds (null: ignored), and the delimiter. */
export interface CsvLayout {
  columns: (string | null)[];
  delimiter: ',' | ';' | '\t';
}

/** By the first key, or by the first reference where there is one. */
export type RowOrder = 'key' | 'reference';

export interface ParseRequest {
  jobId: string;
  resource: string;
  format: Format;
  /** Only for CSV. */
  csv?: CsvLayout;
  /** RFC 3339; the value of fields whose default is `now`. */
  now: string;
  firstRecord: number;
  rowOrder: RowOrder;
  /** Overwritten by the rows that come of them: a chunk needs one piece of memory, from the splitter to the socket. */
  bytes: Uint8Array<ArrayBuffer>;
  table: Uint32Array<ArrayBuffer>;
}

/** Those values of a reference that occur in a chunk. */
export interface DistinctReferences {
  field: string;
  /** PostgreSQL's binary format of uuid[], without NULL. */
  array: Uint8Array<ArrayBuffer>;
  /** Its elements. */
  count: number;
}

export interface ParsedChunk {
  /** Ordinal of the chunk's first record in the file, from 1. */
  firstRecord: number;
  /**
   * Valid records as rows of COPY's binary format (without its header and trailer), columns in the order of the
   * resource's fields, rows in the order asked for. In the request's memory where they fit.
   */
  copy: Uint8Array<ArrayBuffer>;
  rows: number;
  /** `rows + 1` offsets into `copy`. */
  rowStarts: Uint32Array<ArrayBuffer>;
  /** Of each row: the position of its record in the chunk, from 0. */
  rowRecords: Uint32Array<ArrayBuffer>;
  /** The request's. */
  table: Uint32Array<ArrayBuffer>;
  /** 53-bit hashes of all rows' keys (with the field mixed in), ascending; equal neighbours = a key may repeat in the chunk. */
  keyHashes: Float64Array<ArrayBuffer>;
  /** Two rows of the chunk may share a key. */
  keysRepeat: boolean;
  /** One per reference. */
  references: DistinctReferences[];
  /** How long it took, without waiting for a thread. */
  parseMs: number;
  /** Records rejected here. rows + rejected = records of the chunk. */
  rejected: number;
  /** Their errors, as COPY text for the row-errors table (columns: see db/row-errors.ts). */
  errors: { copy: Uint8Array<ArrayBuffer>; count: number };
}

/** Every buffer of a parsed chunk. */
export function buffersOf({ copy, rowStarts, rowRecords, table, keyHashes, references, errors }: ParsedChunk) {
  const arrays = [copy, rowStarts, rowRecords, table, keyHashes, errors.copy, ...references.map(({ array }) => array)];
  return arrays.map(({ buffer }) => buffer);
}

/** Gives buffers back at once. Left to the collector, 64 MB of them would gather in each thread before it looks at them. */
export function freeBuffers(buffers: Iterable<ArrayBuffer>): void {
  for (const buffer of buffers) if (!buffer.detached) buffer.transfer(0);
}
