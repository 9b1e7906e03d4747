// Sums up the row errors of an import: one pass over them, whatever their order, in memory that does not grow with them.
import type { Sql } from './client.ts';
import { withTimeLimit } from './time-limit.ts';

export interface ErrorGroup {
  field: string | null;
  code: string;
  /** Without what differs from record to record: a number of words or columns, a position. */
  message: string;
  count: number;
  /** In the order of the file, `maxExamples` at most. */
  examples: { line: number; record: number; value: string | null }[];
}

export interface GroupOptions {
  /** The ordinal of the last record that may have errors. */
  lastRecord: number;
  maxGroups: number;
  timeoutMs: number;
}

const maxExamples = 5;

/** Examples are the first and the last error of a group in each of so many parts of the file. */
const parts = 1_000;

const message = `CASE code
  WHEN 'words' THEN regexp_replace(message, ' \\(has \\d+\\)$', '')
  WHEN 'csv' THEN regexp_replace(message, ', found \\d+$', '')
  WHEN 'json' THEN regexp_replace(message, ' at position \\d+$', '')
  ELSE message END`;

/**
 * The groups with most errors, those with most first.
 * @throws an error for which isOverLimit() holds when it takes longer than `timeoutMs`.
 */
export async function groupRowErrors(
  sql: Sql,
  jobId: string,
  { lastRecord, maxGroups, timeoutMs }: GroupOptions,
): Promise<ErrorGroup[]> {
  const partRecords = Math.max(1, Math.ceil(lastRecord / parts));
  return await withTimeLimit(sql, timeoutMs, async (tx) => {
    // Of one session at a time or two: enough for the parts of a hundred groups.
    await tx.unsafe(`SET LOCAL work_mem = '32MB'`);
    return await tx.unsafe<ErrorGroup[]>(
      `WITH parts AS (
        SELECT field, code, ${message} AS message, count(*) AS errors, min(record) AS first, max(record) AS last
        FROM bulk.row_errors WHERE job_id = $1 GROUP BY 1, 2, 3, record / $2::int8
      ), groups AS (
        SELECT field, code, message, sum(errors)::int8 AS count, array_agg(first) || array_agg(last) AS ends
        FROM parts GROUP BY 1, 2, 3 ORDER BY count DESC, min(first), message LIMIT $3
      )
      SELECT field, code, message, count, (
        SELECT json_agg(json_build_object('line', line, 'record', record, 'value', value) ORDER BY record)
        FROM (
          SELECT DISTINCT ON (record) line, record, value
          FROM (SELECT DISTINCT unnest(groups.ends) AS record ORDER BY record LIMIT ${maxExamples}) AS chosen
          JOIN bulk.row_errors AS of USING (record)
          WHERE of.job_id = $1 AND of.code = groups.code AND of.field IS NOT DISTINCT FROM groups.field
            AND ${message.replaceAll(/\b(code|message)\b/g, 'of.$1')} = groups.message
          ORDER BY record, n
        ) AS examples
      ) AS examples
      FROM groups ORDER BY count DESC, groups.ends[1], message`,
      [jobId, partRecords, maxGroups],
    );
  });
}
