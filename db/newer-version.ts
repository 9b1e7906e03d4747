// A database that a newer version of the service has migrated is left alone: what this one would write may no longer mean
// the same.
import packageJson from 'pg-boss/package.json' with { type: 'json' };
import type { Sql, TransactionSql } from './client.ts';
import { UnsuitableDatabase } from './unsuitable-database.ts';

const remedy = 'run that version, or set DATABASE_URL to another database';

/** @param known names of the migrations of this version. @throws UnsuitableDatabase. */
export async function refuseNewerVersion(sql: Sql | TransactionSql, known: readonly string[]): Promise<void> {
  const [found] = await sql<[{ migrations: boolean; queue: boolean }]>`
    SELECT to_regclass('bulk.kysely_migration') IS NOT NULL AS migrations,
      to_regclass('pgboss.version') IS NOT NULL AS queue`;
  if (found.migrations) {
    const unknown = await sql<{ name: string }[]>`
      SELECT name FROM bulk.kysely_migration WHERE name <> ALL (${[...known]}::text[]) ORDER BY name`;
    if (unknown.length > 0) {
      const names = unknown.map(({ name }) => name).join(', ');
      throw new UnsuitableDatabase(
        `the database was migrated by a newer version of the service (${names} is not known to this one)`,
        remedy,
      );
    }
  }
  if (found.queue) {
    const [queue] = await sql<{ version: number }[]>`SELECT version FROM pgboss.version`;
    const { schema } = packageJson.pgboss;
    if (queue && queue.version > schema) {
      throw new UnsuitableDatabase(
        `the job queue was migrated by a newer version of the service (to ${queue.version}, this one knows ${schema})`,
        remedy,
      );
    }
  }
}
