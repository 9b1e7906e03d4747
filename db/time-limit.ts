import type { Sql, TransactionSql } from './client.ts';
import { sqlstateOf } from './sqlstate.ts';

/**
 * Runs statements of which each may take so long, waiting for locks included.
 * @throws an error for which isOverLimit() holds when one takes longer.
 */
export async function withTimeLimit<T>(
  sql: Sql,
  limitMs: number,
  work: (tx: TransactionSql) => Promise<T>,
): Promise<T> {
  return (await sql.begin(async (tx) => {
    await tx.unsafe(`SET LOCAL statement_timeout = ${limitMs}`);
    return await work(tx);
  })) as T;
}

/** Whether it is PostgreSQL's query_canceled. */
export function isOverLimit(error: unknown): boolean {
  return sqlstateOf(error) === '57014';
}
