// Brings a database to this version's schema by Kysely's Migrator, whose own tables are in schema `bulk`. The advisory
// lock is ours: the Migrator takes one too, but only once its schema is there. Others go on working meanwhile, an older
// version of the service included: migrations only add, and none waits long for a table, because whoever wants it next
// would have to wait behind it.
import { readdir } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { type Kysely, sql } from 'kysely';
import { type Migration, Migrator, NO_MIGRATIONS } from 'kysely/migration';
import { type Connection, openPool } from './client.ts';
import { openKysely } from './kysely.ts';
import { readSchemaVersion, refuseNewerVersion } from './schema-version.ts';
import { sqlstateOf } from './sqlstate.ts';
import { UnsuitableDatabase } from './unsuitable-database.ts';

const folder = new URL('migrations/', import.meta.url);

export type Migrations = Record<string, Migration>;

export interface MigrateOptions {
  /** A migration's name to go up or down to, or `'nothing'` to undo all. Default: the latest. */
  to?: string | 'latest' | 'nothing';
  /** Those that this version knows. Default: those of the folder. */
  migrations?: Migrations;
  /** How long a statement waits for a lock before all is undone and tried again. Default 1 second. */
  lockTimeoutMs?: number;
  /** Default: 2 minutes of trying. */
  maxAttempts?: number;
  /** Called before each further attempt. */
  onBusy?(attempt: number): void;
}

/** Locks taken from others, or from each other: 55P03 lock_not_available, 40P01 deadlock_detected. */
const busyStates = ['55P03', '40P01'];
/** Between attempts, whoever waited is served. */
const pauseMs = 1_000;

/** Of the folder's migrations, in their order. */
export async function migrationNames(): Promise<string[]> {
  return (await readdir(folder))
    .filter((file) => file.endsWith('.ts'))
    .map((file) => file.replace(/\.ts$/, ''))
    .sort();
}

/** The folder's migrations, in their order, by name. */
export async function loadMigrations(): Promise<Migrations> {
  const names = await migrationNames();
  const load = async (name: string) => [name, (await import(new URL(`${name}.ts`, folder).href)) as Migration];
  return Object.fromEntries(await Promise.all(names.map(load)));
}

/**
 * All or nothing; processes that start together wait for one another.
 * @returns the names of the migrations that were carried out.
 * @throws the first migration's error; UnsuitableDatabase when a newer version of the service was here, or when the
 * tables are in use for too long.
 */
export async function migrate(connection: Connection, options: MigrateOptions = {}): Promise<string[]> {
  const { maxAttempts = 60, onBusy } = options;
  const migrations = options.migrations ?? (await loadMigrations());
  for (let attempt = 1; ; attempt++) {
    try {
      return await attemptMigration(connection, { ...options, migrations });
    } catch (error) {
      if (!busyStates.includes(sqlstateOf(error))) throw error;
      if (attempt >= maxAttempts) {
        throw new UnsuitableDatabase(
          'the tables are in use by transactions that do not end, so they cannot be migrated',
          'end these (pg_stat_activity shows them), then start again',
        );
      }
      onBusy?.(attempt);
      await pause(pauseMs);
    }
  }
}

async function attemptMigration(
  connection: Connection,
  { to = 'latest', migrations, lockTimeoutMs = 1_000 }: MigrateOptions & { migrations: Migrations },
): Promise<string[]> {
  const session = { max: 1, name: 'bulk migrate', idleTransactionTimeoutMs: 0 };
  // The other starts may take their time; what they wait for is ours alone.
  const locks = openPool(connection, { ...session, lockTimeoutMs: 0 });
  const db = openKysely<unknown>(openPool(connection, { ...session, lockTimeoutMs }));
  try {
    return await locks.begin(async (lock) => {
      await lock`SELECT pg_advisory_xact_lock(hashtext('bulk.migrate'))`;
      refuseNewerVersion(await readSchemaVersion(lock), Object.keys(migrations));
      await createSchema(db, 'bulk');
      // The job queue makes its own tables in it, but would ask for the right to create schemas even where it is there.
      await createSchema(db, 'pgboss');
      await createSchema(db, connection.schema);
      const migrator = new Migrator({
        db,
        provider: { getMigrations: async () => migrations },
        migrationTableSchema: 'bulk',
        // A team's own migrations have numbers of their own, and are there before the next version's.
        allowUnorderedMigrations: true,
      });
      const { error, results = [] } =
        to === 'latest'
          ? await migrator.migrateToLatest()
          : await migrator.migrateTo(to === 'nothing' ? NO_MIGRATIONS : to);
      if (error) throw error;
      return results.map((result) => result.migrationName);
    });
  } finally {
    await db.destroy();
    await locks.end({ timeout: 5 });
  }
}

/** Asked first, because CREATE SCHEMA IF NOT EXISTS needs the CREATE right even where there is nothing to create. */
async function createSchema(db: Kysely<unknown>, schema: string): Promise<void> {
  const { rows } = await sql`SELECT FROM pg_namespace WHERE nspname = ${schema}`.execute(db);
  if (rows.length === 0) await sql`CREATE SCHEMA ${sql.id(schema)}`.execute(db);
}
