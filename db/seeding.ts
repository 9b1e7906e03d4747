// What decides whether the sample records are loaded.
import { arrayLiteral } from './array-literal.ts';
import type { Sql, TransactionSql } from './client.ts';
import { hasSweptJobs } from './installation.ts';

/** Until the end of the transaction no other process seeds. */
export async function lockSeeding(tx: TransactionSql): Promise<void> {
  await tx`SELECT pg_advisory_xact_lock(hashtext('bulk.seed'))`;
}

/**
 * Names of the files that the imports so far came from; null: there are, or were before they were swept, other jobs
 * than those of `fileNames`.
 */
export async function findSeeded(sql: Sql | TransactionSql, fileNames: readonly string[]): Promise<Set<string> | null> {
  if (await hasSweptJobs(sql)) return null;
  const found = await sql<{ file: string | null }[]>`
    SELECT DISTINCT CASE WHEN type = 'import' AND owner IS NULL AND options->>'fileName' = ANY (${arrayLiteral(fileNames)}::text[])
      THEN options->>'fileName' END AS file
    FROM bulk.jobs`;
  return found.some(({ file }) => file === null) ? null : new Set(found.map(({ file }) => file!));
}

/** @param table on the search path. */
export async function isEmpty(sql: Sql | TransactionSql, table: string): Promise<boolean> {
  return (await sql`SELECT FROM ${sql(table)} LIMIT 1`).length === 0;
}
