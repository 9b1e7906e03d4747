// Brings a database to this version's schema by Kysely's Migrator, whose own tables are in schema `bulk`. The advisory
// lock is ours: the Migrator takes one too, but only once its schema is there.
import { readdir } from 'node:fs/promises';
import { Kysely, sql } from 'kysely';
import { type Migration, Migrator, NO_MIGRATIONS } from 'kysely/migration';
import { PostgresJSDialect } from 'kysely-postgres-js';
import { type Connection, openPool } from './client.ts';
import { UnsuitableDatabase } from './unsuitable-database.ts';

const folder = new URL('migrations/', import.meta.url);

const provider = {
  async getMigrations(): Promise<Record<string, Migration>> {
    const files = (await readdir(folder)).filter((file) => file.endsWith('.ts')).sort();
    const loaded = await Promise.all(
      files.map(async (file) => [file.replace(/\.ts$/, ''), (await import(new URL(file, folder).href)) as Migration]),
    );
    return Object.fromEntries(loaded);
  },
};

/**
 * All or nothing; processes that start together wait for one another.
 * @param to a migration's name to go up or down to, or `'nothing'` to undo all; default: the latest.
 * @returns the names of the migrations that were carried out.
 * @throws the first migration's error; UnsuitableDatabase when a newer version of the service was here.
 */
export async function migrate(connection: Connection, to: string | 'latest' | 'nothing' = 'latest'): Promise<string[]> {
  const pool = openPool(connection, { max: 2, name: 'bulk migrate', idleTransactionTimeoutMs: 0 });
  const db = new Kysely<unknown>({ dialect: new PostgresJSDialect({ postgres: pool }) });
  try {
    return await pool.begin(async (lock) => {
      await lock`SELECT pg_advisory_xact_lock(hashtext('bulk.migrate'))`;
      await createSchema(db, 'bulk');
      // The job queue makes its own tables in it, but would ask for the right to create schemas even where it is there.
      await createSchema(db, 'pgboss');
      await createSchema(db, connection.schema);
      const migrator = new Migrator({ db, provider, migrationTableSchema: 'bulk' });
      const { error, results = [] } =
        to === 'latest'
          ? await migrator.migrateToLatest()
          : await migrator.migrateTo(to === 'nothing' ? NO_MIGRATIONS : to);
      if (error) throw explain(error);
      return results.map((result) => result.migrationName);
    });
  } finally {
    await db.destroy();
  }
}

/** Asked first, because CREATE SCHEMA IF NOT EXISTS needs the CREATE right even where there is nothing to create. */
async function createSchema(db: Kysely<unknown>, schema: string): Promise<void> {
  const { rows } = await sql`SELECT FROM pg_namespace WHERE nspname = ${schema}`.execute(db);
  if (rows.length === 0) await sql`CREATE SCHEMA ${sql.id(schema)}`.execute(db);
}

function explain(error: unknown): unknown {
  const [, unknown] =
    /^corrupted migrations: .* migration (\S+) is missing$/.exec(String((error as Error).message)) ?? [];
  if (!unknown) return error;
  return new UnsuitableDatabase(
    `the database was migrated by a newer version of the service (${unknown} is not known to this one)`,
    'run that version, or set DATABASE_URL to another database',
  );
}
