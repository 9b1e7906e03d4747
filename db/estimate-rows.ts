import type { Sql } from './client.ts';
import type { RowCount } from './count-rows.ts';
import { sqlstateOf } from './sqlstate.ts';

/** Of the planner's units: some hundred thousand rows of a scan. */
const cheapCost = 100_000;
const timeoutMs = 500;

interface Plan {
  'Plan Rows': number;
  'Total Cost': number;
}

/**
 * How many rows a query has: counted where the planner thinks that cheap and it takes no longer than half a second, its
 * estimate otherwise.
 * @param query without parameters; its columns do not matter.
 * @param mayCount false: only the estimate.
 */
export async function estimateRows(sql: Sql, query: string, mayCount: boolean): Promise<RowCount> {
  const count = `SELECT count(*) AS rows FROM (${query}) AS counted`;
  const estimate = { rows: (await explain(sql, query))['Plan Rows'], estimated: true };
  if (!mayCount || (await explain(sql, count))['Total Cost'] > cheapCost) return estimate;
  try {
    return await sql.begin(async (tx) => {
      await tx.unsafe(`SET LOCAL statement_timeout = ${timeoutMs}`);
      const [counted] = await tx.unsafe<[{ rows: number }]>(count);
      return { rows: counted.rows, estimated: false };
    });
  } catch (error) {
    // query_canceled: it took longer than the planner thought.
    if (sqlstateOf(error) === '57014') return estimate;
    throw error;
  }
}

async function explain(sql: Sql, statement: string): Promise<Plan> {
  const [row] = await sql.unsafe<[{ 'QUERY PLAN': [{ Plan: Plan }] }]>(`EXPLAIN (FORMAT JSON) ${statement}`);
  return row['QUERY PLAN'][0].Plan;
}
