// Databases of a test's own, cloned from a template that has all migrations applied. Under tap the server is the run's;
// a file run by itself (`node test/x.test.ts`) starts one.
import { randomUUID } from 'node:crypto';
import t, { type Test } from 'tap';
import { type Connection, openPool, type Sql } from '../db/client.ts';
import { enter, entered, leave } from './shared-postgres.ts';
import { templateDatabase } from './template-database.ts';

interface Server {
  connection: Connection;
  template: string;
}

let server: Promise<Server> | undefined;

/** A fresh database with every migration applied and no rows; dropped when the test ends. */
export async function createDatabase(test: Pick<Test, 'after'>): Promise<Connection> {
  const { template } = await (server ??= connect());
  return await create(test, template);
}

/**
 * Of `pg_locks`, which shows those of all databases: clones of a template have the same oids for their tables, so that
 * `relation = 'users'::regclass` alone finds the locks of other tests too.
 */
export const inThisDatabase = (sql: Sql) =>
  sql`database = (SELECT oid FROM pg_database WHERE datname = current_database())`;

/** A database without anything in it, for tests of the migrations themselves; dropped when the test ends. */
export async function createEmptyDatabase(test: Pick<Test, 'after'>): Promise<Connection> {
  return await create(test, 'template1');
}

async function create(test: Pick<Test, 'after'>, template: string): Promise<Connection> {
  const { connection } = await (server ??= connect());
  const database = `test_${randomUUID().replaceAll('-', '')}`;
  // To copy its files, hardly changed since, is several times faster than to log each of their blocks.
  const clone = (sql: Sql) => sql`CREATE DATABASE ${sql(database)} TEMPLATE ${sql(template)} STRATEGY FILE_COPY`;
  await administer(connection, clone);
  test.after(async () => {
    await administer(connection, (sql) => sql`DROP DATABASE IF EXISTS ${sql(database)} WITH (FORCE)`);
  });
  return { ...connection, database };
}

async function connect(): Promise<Server> {
  const connection = (await entered(process.ppid)) ?? (await startOwn());
  return { connection, template: await administer(connection, (sql) => templateDatabase(sql, connection)) };
}

async function startOwn(): Promise<Connection> {
  const connection = await enter(process.pid);
  t.after(async () => await leave(process.pid));
  return connection;
}

/** A pool of the moment: one kept open would keep the process, and thereby the root test, from ending. */
async function administer<T>(connection: Connection, work: (sql: Sql) => PromiseLike<T>): Promise<T> {
  const sql = openPool({ ...connection, database: 'postgres' }, { max: 1, name: 'bulk tests' });
  try {
    return await work(sql);
  } finally {
    await sql.end({ timeout: 5 });
  }
}
