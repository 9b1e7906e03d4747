import { sql as raw } from 'kysely';
import t from 'tap';
import { openPool, type Sql } from '../../db/client.ts';
import { openKysely } from '../../db/kysely.ts';
import { verdictOf } from '../../db/sqlstate.ts';
import { buildApp } from '../../src/app.ts';
import { loadConfig } from '../../src/config.ts';
import { explainStartFailure } from '../../src/explain-start-failure.ts';
import { importFile } from '../client.ts';
import { createDatabase } from '../databases.ts';
import { environment } from '../environment.ts';
import { temporaryFolder } from '../temporary-folder.ts';

t.test('a transaction that its process forgets gives its locks back', async (t) => {
  const connection = await createDatabase(t);
  const frozen = openPool(connection, { max: 1, name: 'frozen', idleTransactionTimeoutMs: 200 });
  const other = openPool(connection, { max: 1, name: 'other' });
  t.after(async () => await Promise.all([frozen.end({ timeout: 1 }), other.end({ timeout: 1 })]));
  await other`INSERT INTO bulk.jobs (id, type, resource, format, options) VALUES (gen_random_uuid(), 'import', 'users', 'csv', '{}')`;
  const locked = Promise.withResolvers<void>();
  const forever = Promise.withResolvers<void>();
  const transaction = frozen.begin(async (tx) => {
    await tx`UPDATE bulk.jobs SET successful = 1`;
    locked.resolve();
    await forever.promise;
  });
  const ended = t.rejects(transaction, { code: /^(25P03|CONNECTION_CLOSED|ECONNRESET|EPIPE)$/ });
  await locked.promise;
  await other`UPDATE bulk.jobs SET failed = 1`;
  forever.resolve();
  await ended;
  t.match(
    await other`SELECT successful, failed FROM bulk.jobs`,
    [{ successful: 0, failed: 1 }],
    'and its changes are gone',
  );

  const [limits] = await other`
    SELECT current_setting('idle_in_transaction_session_timeout') AS idle, current_setting('lock_timeout') AS lock`;
  t.same(limits, { idle: '10s', lock: '15s' }, 'every pool has such a limit, and one on its waiting that is longer');
});

t.test("every session of the service has its own settings, the queue's too", async (t) => {
  const connection = await createDatabase(t);
  const sql = openPool(connection, { max: 1, name: 'test' });
  t.after(async () => await sql.end());
  await sql.unsafe(`
    ALTER DATABASE ${connection.database} SET DateStyle = 'German, DMY';
    ALTER DATABASE ${connection.database} SET statement_timeout = '60s';
    CREATE TABLE public.logins (name text, lock text, idle text, statement text, dates text);
    CREATE FUNCTION public.note_login() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
      INSERT INTO public.logins VALUES (current_setting('application_name'), current_setting('lock_timeout'),
        current_setting('idle_in_transaction_session_timeout'), current_setting('statement_timeout'),
        split_part(current_setting('DateStyle'), ',', 1)); END $$;
    CREATE EVENT TRIGGER note_login ON login EXECUTE FUNCTION public.note_login()`);
  const app = await buildApp(loadConfig(environment(connection, await temporaryFolder(t))));
  t.after(async () => await app.close());
  const user = '00000000-0000-4000-8000-000000000001,a@example.com,A,admin,2024-01-01T00:00:00Z';
  const content = `id,email,name,role,created_at\n${user}\n`;
  t.match(await importFile(app, { resource: 'users', name: 'users.csv', content }), { successful: 1 });
  t.equal((await app.inject('/v1/imports')).statusCode, 200, 'which shows when they were made');
  for (const url of ['/v1/exports?resource=users', '/health']) t.equal((await app.inject(url)).statusCode, 200);
  const kinds = await sql`
    SELECT regexp_replace(split_part(name, ' ', 2), '^[0-9a-f]{8}-.*', 'loaders') AS kind,
      jsonb_agg(DISTINCT concat_ws(' ', lock, idle, statement, dates)) AS settings
    FROM public.logins GROUP BY kind ORDER BY kind`;
  const usual = ['15s 10s 0 ISO'];
  // None of the migrations: the database is current.
  t.same(Object.fromEntries(kinds.map(({ kind, settings }) => [kind, settings])), {
    api: usual,
    loaders: ['5s 10s 0 ISO'],
    monitor: ['200ms 10s 0 ISO'],
    queue: usual,
    start: usual,
    streams: usual,
  });
});

t.test('a lock of somebody else is not waited for without end', async (t) => {
  const connection = await createDatabase(t);
  const stranger = openPool(connection, { max: 1, name: 'stranger', idleTransactionTimeoutMs: 0 });
  const waiting = openPool(connection, { max: 1, name: 'waiting', lockTimeoutMs: 50 });
  t.after(async () => await Promise.all([stranger.end({ timeout: 1 }), waiting.end({ timeout: 1 })]));
  await stranger.begin(async (tx) => {
    await tx`LOCK TABLE bulk.jobs`;
    const error = await waiting`SELECT FROM bulk.jobs`.catch((error: unknown) => error);
    t.match(error, { code: '55P03' });
    t.equal(verdictOf(error), 'transient');
    t.match(explainStartFailure(error, loadConfig({})), /^the tables are locked by a transaction that does not end \(/);
  });
  t.same([...(await waiting`SELECT FROM bulk.jobs`)], [], 'the connection serves on');
});

t.test('a database that takes no connections for a while is waited for', async (t) => {
  const connection = await createDatabase(t);
  const [sql, admin] = [connection.database, 'postgres'].map((database) => {
    return openPool({ ...connection, database }, { max: 1, name: 'test' });
  }) as [Sql, Sql];
  t.after(async () => await Promise.all([sql.end(), admin.end()]));
  await admin.unsafe(`ALTER DATABASE ${connection.database} ALLOW_CONNECTIONS false`);
  const error = await sql`SELECT 1`.catch((error: unknown) => error);
  t.match(error, { code: '55000' });
  t.equal(verdictOf(error), 'transient');
});

t.test('a connection lost within a transaction is told as that, and the next transaction has another', async (t) => {
  const connection = await createDatabase(t);
  const sql = openPool(connection, { max: 1, name: 'lost' });
  const db = openKysely(sql);
  t.after(async () => await db.destroy());
  const error = await db
    .transaction()
    .execute(async (tx) => await raw`SELECT pg_terminate_backend(pg_backend_pid())`.execute(tx))
    .catch((error: unknown) => error);
  t.equal(verdictOf(error), 'transient', String(error));
  const { rows } = await db.transaction().execute(async (tx) => await raw`SELECT 1 AS one`.execute(tx));
  t.same(rows, [{ one: 1 }]);
});

t.test('a host may be an address of IPv6', async (t) => {
  const connection = await createDatabase(t);
  const sql = openPool({ ...connection, host: '0:0:0:0:0:ffff:7f00:1' }, { max: 1, name: 'IPv6' });
  t.after(async () => await sql.end());
  t.same([...(await sql`SELECT 1 AS one`)], [{ one: 1 }]);
});
