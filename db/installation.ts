// What belongs to the database as a whole: one row, made by the migrations.
import type { Sql, TransactionSql } from './client.ts';

/** The database's own id, a UUID: it tells its files from those of another database in the same folder. */
export async function findInstallationId(sql: Sql): Promise<string> {
  const [row] = await sql<[{ id: string }]>`SELECT id FROM bulk.installation`;
  return row.id;
}

/** Whether jobs have been here that retention has removed. */
export async function hasSweptJobs(sql: Sql | TransactionSql): Promise<boolean> {
  const [row] = await sql<[{ swept: boolean }]>`SELECT swept_jobs > 0 AS swept FROM bulk.installation`;
  return row.swept;
}
