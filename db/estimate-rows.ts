import type { Sql } from './client.ts';
import type { RowCount } from './count-rows.ts';
import { planQuery } from './query-plan.ts';
import { isOverLimit, withTimeLimit } from './time-limit.ts';

/** Of the planner's units: a scan of some three million rows. */
const cheapCost = 100_000;
const timeoutMs = 500;

/**
 * How many rows a query has: counted where the planner thinks that cheap and it takes no longer than half a second, its
 * estimate otherwise.
 * @param query without parameters; its columns do not matter.
 * @param mayCount false: only the estimate.
 * @throws an error for which isOverLimit() holds when there is not even that within half a second: somebody has locked the table.
 */
export async function estimateRows(sql: Sql, query: string, mayCount: boolean): Promise<RowCount> {
  const count = `SELECT count(*) AS rows FROM (${query}) AS counted`;
  let estimate: RowCount | undefined;
  try {
    return await withTimeLimit(sql, timeoutMs, async (tx) => {
      estimate = { rows: (await planQuery(tx, query)).rows, estimated: true };
      if (!mayCount || (await planQuery(tx, count)).cost > cheapCost) return estimate;
      const [counted] = await tx.unsafe<[{ rows: number }]>(count);
      return { rows: counted.rows, estimated: false };
    });
  } catch (error) {
    // It took longer than the planner thought.
    if (estimate && isOverLimit(error)) return estimate;
    throw error;
  }
}
