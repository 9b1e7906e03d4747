// A database of a test's own with a neighbour in it: a session that sees what the tested sessions do, and ends them.
import { setTimeout as pause } from 'node:timers/promises';
import postgres, { type ReservedSql, type Sql, type TransactionSql } from 'postgres';
import type { Test } from 'tap';
import type { Connection, Sql as PoolSql } from '../../db/client.ts';
import { createEmptyDatabase } from '../databases.ts';

type AnySql = Pick<Sql | TransactionSql | ReservedSql, 'unsafe'>;

/** What a lost connection is called. */
export const lost = { code: /^(CONNECTION_CLOSED|ECONNRESET|EPIPE)$/ };

/** Rejects instead of waiting for ever. */
export async function within<T>(work: PromiseLike<T>, seconds = 4): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(reject, seconds * 1000, new Error(`nothing came within ${seconds} s`));
  return await Promise.race([work, promise]).finally(() => clearTimeout(timer));
}

export async function pidOf(sql: AnySql): Promise<number> {
  const [row] = await sql.unsafe<{ pid: number }[]>('SELECT pg_backend_pid() AS pid');
  return row!.pid;
}

/** What postgres.js is opened with. */
export function loginOf({ host, port, user, password, database }: Connection) {
  return { host, port, user, password, database, onnotice: () => {} };
}

/** An empty table `sample` is all there is. */
export async function createWatchedDatabase(test: Test) {
  const database = await createEmptyDatabase(test);
  const admin = postgres({ ...loginOf(database), max: 2 });
  test.after(async () => await admin.end({ timeout: 1 }));
  await admin`CREATE TABLE sample (id int PRIMARY KEY, name text)`;

  const until = async (condition: () => PromiseLike<readonly unknown[]>) => {
    while ((await condition()).length === 0) await pause(2);
  };
  return {
    database,
    admin,
    /** Resolves once the query finds something. */
    until,
    /** Resolves once a statement of that text runs. */
    running: (text: string) =>
      until(() => admin`SELECT FROM pg_stat_activity WHERE query = ${text} AND state = 'active'`),
    /** Resolves once a statement of that text waits for a lock, its client's bytes, or its client to read. */
    waiting: (text: string, event: 'Lock' | 'ClientRead' | 'ClientWrite') =>
      until(
        () => admin`SELECT FROM pg_stat_activity
          WHERE query = ${text} AND state = 'active' AND ${event} IN (wait_event_type, wait_event)`,
      ),
    /** Resolves when the backend is gone. */
    async terminate(pid: number): Promise<void> {
      await admin`SELECT pg_terminate_backend(${pid}, 5000)`;
    },
    /** The pool serves, and leaves nothing running or open on the server. */
    async isSound(test: Test, sql: Sql | PoolSql): Promise<void> {
      test.same(await within(sql`SELECT 1 AS one`), [{ one: 1 }], 'the pool goes on');
      const left = await admin`
        SELECT state, query FROM pg_stat_activity
        WHERE application_name = ${sql.options.connection.application_name!} AND state <> 'idle'`;
      test.same(left, [], 'nothing is left open in the database');
    },
  };
}
