// Opens an export: a request's rows in its format, as the bytes of a file.
import { pipeline, type Readable } from 'node:stream';
import type { TablePart } from '../../db/copy-halves.ts';
import { tableOf } from './build-query.ts';
import { encodeRows, frameRows } from './encode-rows.ts';
import { type OpenOptions, openCopy, openTable, type RowSource } from './open-copy.ts';
import type { ExportRequest } from './parse-selection.ts';

export interface OpenedRows {
  /** The file. Destroying it ends the statement and frees its connection. */
  bytes: Readable;
  /** How many records it has, once `bytes` has ended. */
  countRecords(): number;
}

/** @throws what openCopy throws. */
export async function openRows(
  source: RowSource,
  { resource, format, selection }: ExportRequest,
  options: OpenOptions,
): Promise<OpenedRows> {
  const { filters, sort, limit } = selection;
  const isWholeTable = filters.length === 0 && sort === undefined && limit === undefined;
  const statementOf = (part?: TablePart) => encodeRows(resource, selection, format, part);
  const rows = isWholeTable
    ? await openTable(source, tableOf(resource), statementOf, options)
    : await openCopy(source, statementOf(), options);
  const frame = frameRows(format);
  // A failure of either stream destroys the other with the same error; the caller meets it on the one returned.
  return { bytes: frame ? pipeline(rows, frame, () => {}) : rows, countRecords: () => rows.count };
}
