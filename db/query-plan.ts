import type { Sql, TransactionSql } from './client.ts';

export interface QueryPlan {
  /** The planner's estimate, from the tables' sizes and the statistics of their last ANALYZE. */
  rows: number;
  /** In the planner's units: reading a page in order is 1. */
  cost: number;
}

/** @param query without parameters. */
export async function planQuery(sql: Sql | TransactionSql, query: string): Promise<QueryPlan> {
  const [row] = await sql.unsafe<[{ 'QUERY PLAN': [{ Plan: { 'Plan Rows': number; 'Total Cost': number } }] }]>(
    `EXPLAIN (FORMAT JSON) ${query}`,
  );
  const { Plan: plan } = row['QUERY PLAN'][0];
  return { rows: plan['Plan Rows'], cost: plan['Total Cost'] };
}
