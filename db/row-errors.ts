// Reads the row errors of an import, in line order. They are written by COPY (src/import/load-chunk.ts).
import type { Kysely } from 'kysely';
import { type Database, type RowErrorsTable, rowErrorColumns } from './tables.ts';

/** Place of an error in the order of the file. */
export interface ErrorCursor {
  record: number;
  n: number;
}

export interface ErrorPage {
  /** Only errors of records up to this one: what lies behind it may still gain neighbours before it. */
  throughRecord: number;
  after?: ErrorCursor;
  limit: number;
}

export async function listRowErrors(db: Kysely<Database>, jobId: string, page: ErrorPage): Promise<RowErrorsTable[]> {
  let query = db
    .selectFrom('bulk.row_errors')
    .select(rowErrorColumns)
    .where('job_id', '=', jobId)
    .where('record', '<=', page.throughRecord)
    .orderBy('record')
    .orderBy('n')
    .limit(page.limit);
  const { after } = page;
  if (after) query = query.where((eb) => eb(eb.refTuple('record', 'n'), '>', eb.tuple(after.record, after.n)));
  return await query.execute();
}

/** As a page, but without a limit unless one is given. */
export type ReportRange = Omit<ErrorPage, 'limit'> & Partial<Pick<ErrorPage, 'limit'>>;

export type ReportFormat = 'json' | 'csv' | 'ndjson';

/** Cells that a spreadsheet would run as a formula are made text by an apostrophe (OWASP, CSV injection). */
const cell = (column: string) =>
  `CASE WHEN ${column} ~ '^[=+@\\-\\t\\r\\n]' THEN '''' || ${column} ELSE ${column} END AS ${column}`;

const json = `json_strip_nulls(json_build_object('line', line, 'record', record, 'field', field, 'code', code, 'message', message, 'value', value))`;
/** No byte of JSON text is one of these: its lines pass through COPY as they are. */
const verbatim = `(FORMAT csv, QUOTE e'\\x01', DELIMITER e'\\x02')`;

/**
 * A COPY statement for all of a job's errors. `json`: one object a line, each after a comma, the first one included.
 * @param jobId a UUID that came from the database.
 */
export function copyRowErrors(
  jobId: string,
  format: ReportFormat,
  { throughRecord, after, limit }: ReportRange,
): string {
  const rows = `FROM bulk.row_errors WHERE job_id = '${jobId}' AND record <= ${throughRecord}
    ${after ? `AND (record, n) > (${after.record}, ${after.n})` : ''} ORDER BY record, n ${limit === undefined ? '' : `LIMIT ${limit}`}`;
  if (format === 'csv')
    return `COPY (SELECT line, ${['field', 'message', 'value'].map(cell)} ${rows}) TO STDOUT (FORMAT csv, HEADER)`;
  return `COPY (SELECT ${format === 'json' ? `',' || ` : ''}${json} ${rows}) TO STDOUT ${verbatim}`;
}

/** Stands between a rejected record's ordinal and its reasons, in no JSON text. */
export const rejectionDelimiter = '\x02';

/**
 * A COPY statement for a job's rejected records: the ordinal of each, in the order of the file; with reasons, behind
 * `rejectionDelimiter`, JSON of `{ field?, code, message }[]`, or nothing where the record itself cannot be read as JSON.
 * @param jobId a UUID that came from the database.
 */
export function copyRejections(jobId: string, throughRecord: number, withReasons: boolean): string {
  const rows = `FROM bulk.row_errors WHERE job_id = '${jobId}' AND record <= ${throughRecord}`;
  // Each rejected record has an error of this number.
  if (!withReasons) return `COPY (SELECT record ${rows} AND n = 0 ORDER BY record) TO STDOUT`;
  const reason = `json_strip_nulls(json_build_object('field', field, 'code', code, 'message', message))::text`;
  const reasons = `CASE WHEN bool_or(field = 'json') THEN NULL ELSE '[' || string_agg(${reason}, ',' ORDER BY n) || ']' END`;
  return `COPY (SELECT record, ${reasons} ${rows} GROUP BY record ORDER BY record) TO STDOUT ${verbatim}`;
}
