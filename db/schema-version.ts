// How far a database has been migrated. One that a newer version of the service has migrated is left alone: what this one
// would write may no longer mean the same.
import packageJson from 'pg-boss/package.json' with { type: 'json' };
import type { Sql, TransactionSql } from './client.ts';
import { UnsuitableDatabase } from './unsuitable-database.ts';

export interface SchemaVersion {
  /** Names of the migrations that have been carried out. */
  migrations: string[];
  /** Version of the job queue's own tables; null: there are none. */
  queue: number | null;
}

const queueVersion = packageJson.pgboss.schema;
const remedy = 'run that version, or set DATABASE_URL to another database';

/** @throws PostgreSQL's error, as where the role may not read what it finds. */
export async function readSchemaVersion(sql: Sql | TransactionSql): Promise<SchemaVersion> {
  const [found] = await sql<[{ migrations: boolean; queue: boolean }]>`
    SELECT to_regclass('bulk.kysely_migration') IS NOT NULL AS migrations,
      to_regclass('pgboss.version') IS NOT NULL AS queue`;
  const migrations = found.migrations
    ? await sql<{ name: string }[]>`SELECT name FROM bulk.kysely_migration ORDER BY name`
    : [];
  const [queue] = found.queue ? await sql<{ version: number }[]>`SELECT version FROM pgboss.version` : [];
  return { migrations: migrations.map(({ name }) => name), queue: queue?.version ?? null };
}

/** @param known names of the migrations of this version. @throws UnsuitableDatabase. */
export function refuseNewerVersion({ migrations, queue }: SchemaVersion, known: readonly string[]): void {
  const unknown = migrations.filter((name) => !known.includes(name));
  if (unknown.length > 0) {
    throw new UnsuitableDatabase(
      `the database was migrated by a newer version of the service (${unknown.join(', ')} is not known to this one)`,
      remedy,
    );
  }
  if (queue !== null && queue > queueVersion) {
    throw new UnsuitableDatabase(
      `the job queue was migrated by a newer version of the service (to ${queue}, this one knows ${queueVersion})`,
      remedy,
    );
  }
}

/** Whether there is nothing left to migrate. The queue brings its tables up to date itself, once they are there. */
export function isCurrent({ migrations, queue }: SchemaVersion, known: readonly string[]): boolean {
  return queue !== null && known.every((name) => migrations.includes(name));
}
