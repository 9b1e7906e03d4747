// The database: starts the embedded PostgreSQL unless one is configured, brings the schema up to date, checks the
// resources' tables, and offers the API's pool as postgres.js (`app.sql`) and as Kysely (`app.db`).
import fp from 'fastify-plugin';
import type { Kysely } from 'kysely';
import { type Connection, openPool, type Sql } from '../db/client.ts';
import { startEmbeddedPostgres } from '../db/embedded-postgres.ts';
import { openKysely } from '../db/kysely.ts';
import { migrate, migrationNames } from '../db/migrate.ts';
import { compareTable } from '../db/resource-tables.ts';
import { isCurrent, readSchemaVersion, refuseNewerVersion } from '../db/schema-version.ts';
import { checkServer } from '../db/server-check.ts';
import type { Database } from '../db/tables.ts';
import { connectionBudget } from '../src/connection-budget.ts';
import { tableShapeOf } from '../src/resource-table.ts';
import { resources } from '../src/resources/index.ts';
import { StartFailure } from '../src/start-failure.ts';

declare module 'fastify' {
  interface FastifyInstance {
    connection: Connection;
    /** The pool of the API: short statements only; jobs and exports have pools of their own. */
    sql: Sql;
    db: Kysely<Database>;
  }
}

/** Of the embedded server, for whoever else looks into it (psql, a second start). */
const spareConnections = 20;

export default fp(
  async (app) => {
    const { config, log } = app;
    const { schema, maxConnections } = config.database;
    const settings = { max_connections: Math.max(100, maxConnections + spareConnections) };
    const embedded = config.database.connection
      ? null
      : await startEmbeddedPostgres({ dataDir: config.dataDir, schema, log, settings });
    // Registered first, so that it runs last: hooks on close run in reverse order.
    app.addHook('onClose', async () => await embedded?.stop());

    const connection = await checkServer(config.database.connection ?? embedded!.connection);
    const sql = openPool(connection, { max: connectionBudget(config).api, name: 'bulk api', idleTimeoutSeconds: 60 });
    app.addHook('onClose', async () => await sql.end({ timeout: 5 }));

    const known = await migrationNames();
    const version = await readSchemaVersion(sql);
    refuseNewerVersion(version, known);
    if (!isCurrent(version, known)) {
      // Before the migrations, which would stumble over a table that is not as they expect it.
      refuse(await findDifferences(sql, 'existing'));
      const migrated = await migrate(connection, {
        onBusy: (attempt) => log.warn({ attempt }, 'The tables to migrate are in use; trying again'),
      });
      if (migrated.length > 0) log.info({ migrations: migrated }, 'Database migrated');
    }
    refuse(await findDifferences(sql, 'all'));

    app.decorate('connection', connection);
    app.decorate('sql', sql);
    app.decorate('db', openKysely<Database>(sql));
  },
  { name: 'database' },
);

async function findDifferences(sql: Sql, tables: 'existing' | 'all'): Promise<string[]> {
  const differences: string[] = [];
  // One after the other: a session that knows the catalogs from the first table is faster than two more that do not.
  for (const resource of resources.values()) differences.push(...(await compareTable(sql, tableShapeOf(resource))));
  const missing = (difference: string) => /^table \S+ does not exist$/.test(difference);
  return differences.filter((difference) => tables === 'all' || !missing(difference));
}

function refuse(differences: string[]): void {
  if (differences.length === 0) return;
  throw new StartFailure(`the database's tables do not fit the resources: ${differences.join('; ')}`, {
    remedy: 'set DB_SCHEMA to a schema of its own (or back to the one it was), or alter the tables',
  });
}
