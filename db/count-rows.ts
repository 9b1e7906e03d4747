import type { Sql } from './client.ts';
import { planQuery } from './query-plan.ts';

export interface RowCount {
  rows: number;
  /** Not counted: the planner's estimate, from the table's size and the statistics of its last ANALYZE. */
  estimated: boolean;
}

/**
 * Counts a table's rows while they are at most `exactUpTo`; reads no more than one row beyond that, and nothing at all
 * of a table that is estimated at several times as many. (An estimate without statistics may be too high by that.)
 * @param table on the search path.
 */
export async function countRows(sql: Sql, table: string, exactUpTo = 1_000_000): Promise<RowCount> {
  const { rows: estimate } = await planQuery(sql, `SELECT FROM "${table.replaceAll('"', '""')}"`);
  if (estimate > 4 * exactUpTo) return { rows: estimate, estimated: true };
  const [counted] = await sql<[{ rows: number }]>`
    SELECT count(*) AS rows FROM (SELECT FROM ${sql(table)} LIMIT ${exactUpTo + 1}) AS first_rows`;
  if (counted.rows <= exactUpTo) return { rows: counted.rows, estimated: false };
  return { rows: Math.max(estimate, counted.rows), estimated: true };
}
