// Looks up many values at once, each set as one array parameter. `= ANY` probes the index value by value (28 ms a
// chunk); the same as NOT EXISTS over unnest() made the planner merge the whole index (207 ms, performance.md).
// The literal is read in a sub-select, once: a bare cast is evaluated anew for every row of a sequential scan, which the
// planner takes when the set is about as large as the table (5,000 ids in a table of 5,000 rows: 14 s against 15 ms).
import type { TransactionSql } from './client.ts';

/** A set of values as a PostgreSQL array literal; folded as the index expression folds. */
export interface ProbedSet {
  table: string;
  /** Column or index expression, from the resource's definition; names in it are quoted. */
  expression: string;
  type: 'uuid' | 'text';
  literal: string;
}

/** The values of the set that are in the table. */
export async function findExisting(
  tx: TransactionSql,
  { table, expression, type, literal }: ProbedSet,
): Promise<Set<string>> {
  const rows = await tx<{ value: string }[]>`
    SELECT ${tx.unsafe(expression)}::text AS value FROM ${tx(table)}
    WHERE ${tx.unsafe(expression)} = ANY ((SELECT ${literal}::text::${tx.unsafe(type)}[])::${tx.unsafe(type)}[])`;
  return new Set(rows.map((row) => row.value));
}

/** Distinct ids, as PostgreSQL's binary format of uuid[]. */
export interface IdSet {
  array: Uint8Array;
  count: number;
}

/** OID of uuid[]. */
const uuidArray = 2951;

/** As findExisting, for the referenced rows' ids; `lock` keeps the rows from being deleted until the transaction ends. */
export async function findReferenced(
  tx: TransactionSql,
  table: string,
  { array }: IdSet,
  lock: boolean,
): Promise<Set<string>> {
  const rows = await tx<{ value: string }[]>`
    SELECT id::text AS value FROM ${tx(table)} WHERE id = ANY (${tx.typed(array as never, uuidArray)}) ${lock ? tx`FOR KEY SHARE` : tx``}`;
  return new Set(rows.map((row) => row.value));
}

/** Whether all of the distinct ids are there; locks those that are. Sends one row back, however many ids there are. */
export async function lockReferenced(tx: TransactionSql, table: string, { array, count }: IdSet): Promise<boolean> {
  const [row] = await tx<{ found: number }[]>`
    SELECT count(*) AS found
    FROM (SELECT FROM ${tx(table)} WHERE id = ANY (${tx.typed(array as never, uuidArray)}) FOR KEY SHARE) locked`;
  return row?.found === count;
}
