// How many rows a table has, told in bounded time: whoever has locked the table is not waited for.
import type { Sql, TransactionSql } from './client.ts';
import { planQuery } from './query-plan.ts';
import { isOverLimit, withTimeLimit } from './time-limit.ts';

export interface RowCount {
  rows: number;
  /** Not counted: PostgreSQL's estimate. */
  estimated: boolean;
}

/** For each of two statements: to plan the count, and to count. */
const timeoutMs = 500;

/**
 * Counts a table's rows while they are at most `exactUpTo`; reads no more than one row beyond that, and nothing at all
 * of a table that is estimated at several times as many. (An estimate without statistics may be too high by that.) What
 * cannot be counted within a second, such as a table that somebody has locked, is estimated.
 * @param table on the search path.
 */
export async function countRows(sql: Sql, table: string, exactUpTo = 1_000_000): Promise<RowCount> {
  try {
    return await withTimeLimit(sql, timeoutMs, async (tx) => await count(tx, table, exactUpTo));
  } catch (error) {
    if (!isOverLimit(error)) throw error;
    return { rows: await recallRows(sql, table), estimated: true };
  }
}

async function count(sql: TransactionSql, table: string, exactUpTo: number): Promise<RowCount> {
  const { rows: estimate } = await planQuery(sql, `SELECT FROM "${table.replaceAll('"', '""')}"`);
  if (estimate > 4 * exactUpTo) return { rows: estimate, estimated: true };
  const [counted] = await sql<[{ rows: number }]>`
    SELECT count(*) AS rows FROM (SELECT FROM ${sql(table)} LIMIT ${exactUpTo + 1}) AS first_rows`;
  if (counted.rows <= exactUpTo) return { rows: counted.rows, estimated: false };
  return { rows: Math.max(estimate, counted.rows), estimated: true };
}

/**
 * The rows that PostgreSQL's statistics have, without a look at the table, which would wait for its locks. Those of
 * activity are newer, but a server that crashed has lost them; those of the last ANALYZE are -1 when there was none.
 */
async function recallRows(sql: Sql, table: string): Promise<number> {
  const [row] = await sql<{ rows: number }[]>`
    SELECT coalesce(nullif(pg_stat_get_live_tuples(oid), 0), greatest(reltuples, 0)::int8) AS rows
    FROM pg_class WHERE relname = ${table} AND relnamespace = current_schema()::regnamespace`;
  return row?.rows ?? 0;
}
