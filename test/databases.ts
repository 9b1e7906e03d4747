// Databases of a test's own, cloned from a template that has all migrations applied. Under tap the server is the run's;
// a file run by itself (`node test/x.test.ts`) starts one.
import { randomUUID } from 'node:crypto';
import pg from 'pg';
import t, { type Test } from 'tap';
import type { Connection, Sql } from '../db/client.ts';
import { enter, entered, leave } from './shared-postgres.ts';
import { templateDatabase } from './template-database.ts';

interface Server {
  connection: Connection;
  /** In another database than any test. One session for all that a file asks for. */
  admin: pg.Pool;
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
  const { connection, admin } = await (server ??= connect());
  const database = `test_${randomUUID().replaceAll('-', '')}`;
  // To copy its files, hardly changed since, is several times faster than to log each of their blocks.
  await admin.query(`CREATE DATABASE ${database} TEMPLATE ${template} STRATEGY FILE_COPY`);
  test.after(async () => void (await admin.query(`DROP DATABASE IF EXISTS ${database} WITH (FORCE)`)));
  return { ...connection, database };
}

async function connect(): Promise<Server> {
  const connection = (await entered(process.ppid)) ?? (await startOwn());
  const admin = openAdmin(connection);
  return { connection, admin, template: await templateDatabase(admin, connection) };
}

async function startOwn(): Promise<Connection> {
  let left: Promise<void> | undefined;
  const leaveOnce = async () => await (left ??= leave(process.pid));
  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    // Of a Ctrl-C npm passes on what the terminal has sent already: it comes twice.
    process.on(signal, async () => {
      await leaveOnce();
      process.exit(code);
    });
  }
  const connection = await enter(process.pid);
  t.after(leaveOnce);
  return connection;
}

/** It keeps neither the process nor the root test from ending; postgres.js knows no such connections. */
function openAdmin({ host, port, user, password }: Connection): pg.Pool {
  const kept = { max: 1, idleTimeoutMillis: 0, allowExitOnIdle: true };
  const pool = new pg.Pool({ host, port, user, password, database: 'postgres', ...kept });
  // A file that started the server stops it first.
  pool.on('error', () => {});
  return pool;
}
