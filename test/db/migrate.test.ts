import t, { type Test } from 'tap';
import { type Connection, openPool, type Sql } from '../../db/client.ts';
import { migrate } from '../../db/migrate.ts';
import { assertSuitable, checkServer } from '../../db/server-check.ts';
import { UnsuitableDatabase } from '../../db/unsuitable-database.ts';
import { buildApp } from '../../src/app.ts';
import { loadConfig } from '../../src/config.ts';
import { explainStartFailure } from '../../src/explain-start-failure.ts';
import { environment, temporaryFolder } from '../build.ts';
import { createEmptyDatabase } from '../databases.ts';

async function database(t: Pick<Test, 'after'>): Promise<{ connection: Connection; sql: Sql }> {
  const connection = await createEmptyDatabase(t);
  const sql = openPool(connection, { max: 2, name: 'test' });
  t.after(async () => await sql.end());
  return { connection, sql };
}

async function tables(sql: Sql): Promise<string[]> {
  const found = await sql<{ name: string }[]>`
    SELECT schemaname || '.' || tablename AS name FROM pg_tables
    WHERE schemaname NOT IN ('pg_catalog', 'information_schema') AND tablename NOT LIKE 'kysely%' ORDER BY 1`;
  return found.map(({ name }) => name);
}

/** What a start on this database says on stderr. */
async function refusal(
  t: Pick<Test, 'after'>,
  connection: Connection,
  env: Record<string, string> = {},
): Promise<string> {
  const config = loadConfig({ ...environment(connection, await temporaryFolder(t)), ...env });
  const app = await buildApp(config).catch((error: unknown) => explainStartFailure(error, config));
  if (typeof app === 'string') return app;
  await app.close();
  return 'it starts';
}

const all = ['0001-bulk', '0002-users', '0003-articles', '0004-comments', '0005-owners'];
const ownTables = ['bulk.chunks', 'bulk.idempotency_keys', 'bulk.jobs', 'bulk.row_errors'];
const resourceTables = ['public.articles', 'public.comments', 'public.users'];

t.test('migrations lead up and down again, as far as is wanted', async (t) => {
  const { connection, sql } = await database(t);
  t.match(await migrate(connection), all);
  t.match(await tables(sql), [...ownTables, ...resourceTables]);
  t.same(await migrate(connection), [], 'there is nothing left to do');
  t.same(await migrate(connection, '0002-users'), all.slice(2).toReversed());
  t.same(await tables(sql), [...ownTables, 'public.users']);
  t.same(await migrate(connection), all.slice(2));
  t.same(await migrate(connection, 'nothing'), all.toReversed());
  t.same(await tables(sql), []);
  t.same(await migrate(connection), all, 'and up once more');
});

t.test('processes that start together migrate once', async (t) => {
  const { connection, sql } = await database(t);
  const shares = await Promise.all(Array.from({ length: 6 }, async () => await migrate(connection)));
  t.same(shares.flat().toSorted(), all, 'one of them does each migration');
  t.match(await tables(sql), [...ownTables, ...resourceTables]);
});

t.test('a migration that fails leaves everything as it was', async (t) => {
  const { connection, sql } = await database(t);
  // In the way of the second migration's index.
  await sql`CREATE TABLE users_email_key ()`;
  await t.rejects(migrate(connection), { code: '42P07' });
  t.same(await tables(sql), ['public.users_email_key']);
  await sql`DROP TABLE users_email_key`;
  t.same(await migrate(connection), all);
});

t.test('DB_SCHEMA holds the tables of the resources, whatever its name', async (t) => {
  const { connection, sql } = await database(t);
  const schema = 'de"mo, x';
  await migrate({ ...connection, schema });
  t.match(await tables(sql), [...ownTables, ...['articles', 'comments', 'users'].map((name) => `${schema}.${name}`)]);
});

t.test('a table that fits is used as it is, and left alone when migrations are undone', async (t) => {
  const { connection, sql } = await database(t);
  await sql`CREATE TABLE users (id uuid PRIMARY KEY, email varchar(255) COLLATE "C" NOT NULL, name varchar(300), role text,
    active boolean, created_at timestamptz, updated_at timestamptz, shoe_size integer)`;
  await sql`CREATE UNIQUE INDEX ON users (lower(email))`;
  t.equal(await refusal(t, connection), 'it starts');
  await migrate(connection, 'nothing');
  t.equal((await sql`SELECT shoe_size FROM users`).length, 0);
});

t.test('a table that does not fit is refused with every difference, before anything is changed', async (t) => {
  const { connection, sql } = await database(t);
  await sql`CREATE TABLE users (id bigint, email text NOT NULL, name text, active boolean,
    created_at timestamp, updated_at timestamptz, tenant integer NOT NULL)`;
  await sql`CREATE TABLE articles (id uuid PRIMARY KEY, slug text, title text, body text, author_id uuid, tags text[],
    status text, published_at timestamptz, created_at timestamptz)`;
  const said = await refusal(t, connection);
  for (const difference of [
    'column users.id is bigint, not uuid',
    'column users.email must have COLLATE "C"',
    'column users.role is missing',
    'column users.created_at is timestamp without time zone, not timestamp with time zone',
    'column users.tenant is NOT NULL without a default, and unknown',
    'users has no primary key on id',
    'users has no unique index on lower(email)',
    'articles has no unique index on slug',
    'articles.author_id has no foreign key to users',
  ]) {
    t.match(said, difference);
  }
  t.match(said, /; set DB_SCHEMA to a schema of its own \(or back to the one it was\), or alter the tables$/);
  t.notMatch(said, /comments/);
  t.equal(said.split('\n').length, 1);
  t.same(await tables(sql), ['public.articles', 'public.users']);
  t.equal(await refusal(t, connection, { DB_SCHEMA: 'imports' }), 'it starts', 'the remedy works');
});

t.test('a table that is gone is not taken for a fresh start', async (t) => {
  const { connection, sql } = await database(t);
  await migrate(connection);
  await sql`DROP TABLE comments`;
  t.match(await refusal(t, connection), 'table comments does not exist');
  t.match(await refusal(t, connection, { DB_SCHEMA: 'other' }), /table users does not exist.*DB_SCHEMA/);
});

t.test('a database that a newer version migrated is refused', async (t) => {
  const { connection, sql } = await database(t);
  await migrate(connection);
  await sql`INSERT INTO bulk.kysely_migration (name, timestamp) VALUES ('9999-later', '2030-01-01T00:00:00Z')`;
  t.match(
    await refusal(t, connection),
    'the database was migrated by a newer version of the service (9999-later is not known to this one); run that version',
  );
});

t.test('servers and databases that do not suit are refused', async (t) => {
  const good = { versionNumber: 150_000, encoding: 'UTF8', readOnly: false };
  assertSuitable(good);
  t.throws(() => assertSuitable({ ...good, versionNumber: 140_012 }), { message: 'PostgreSQL 14 is too old' });
  t.throws(() => assertSuitable({ ...good, versionNumber: 90_624 }), { message: 'PostgreSQL 9 is too old' });

  const { connection, sql } = await database(t);
  t.same(await checkServer({ ...connection, ssl: 'prefer' }), connection, 'prefer is settled: the server has no TLS');
  const { database: name } = connection;
  await sql`ALTER DATABASE ${sql(name)} SET default_transaction_read_only = on`;
  t.match(await refusal(t, connection), 'the database is read only (a standby, or default_transaction_read_only)');
  const latin = `${name}_latin`;
  await sql`SET default_transaction_read_only = off`;
  await sql.unsafe(`CREATE DATABASE ${latin} ENCODING 'LATIN1' LOCALE 'C' LOCALE_PROVIDER libc TEMPLATE template0`);
  t.after(async () => await sql`DROP DATABASE ${sql(latin)} WITH (FORCE)`);
  await t.rejects(checkServer({ ...connection, database: latin }), UnsuitableDatabase);
});

t.test('a database that cannot be used is explained in one line, without the password', async (t) => {
  const { connection, sql } = await database(t);
  const password = 'hunter2-hunter2';
  const role = `${connection.database}_role`;
  await sql`CREATE ROLE ${sql(role)} LOGIN PASSWORD ${sql.unsafe(`'${password}'`)}`;
  t.after(async () => {
    await sql`DROP OWNED BY ${sql(role)}`;
    await sql`DROP ROLE ${sql(role)}`;
  });
  const limited = { ...connection, user: role, password };
  const cases: [what: string, where: Partial<Connection>, said: string | RegExp][] = [
    [
      'no CREATE right',
      limited,
      /^user \S+_role lacks a right .*; GRANT CREATE ON DATABASE "test_\w+" TO "test_\w+_role"$/,
    ],
    [
      'wrong password',
      { ...limited, password: `${password}-no` },
      /does not accept the password of user \S+; correct DATABASE_URL or DB_PASSWORD$/,
    ],
    ['no such role', { user: 'nobody-here', password }, /does not accept the password of user nobody-here/],
    [
      'no such database',
      { database: 'not-here' },
      /database "not-here" does not exist; create it \(CREATE DATABASE "not-here"\), or correct/,
    ],
    [
      'nothing listens',
      { port: 1 },
      /^PostgreSQL at 127\.0\.0\.1:1 cannot be reached, nothing listens there \(ECONNREFUSED\); start it/,
    ],
    [
      'no such host',
      { host: 'no.such.host.invalid' },
      /^the host no\.such\.host\.invalid of the database is not known \(\w+\)/,
    ],
  ];
  for (const [what, where, said] of cases) {
    const line = await refusal(t, { ...connection, ...where });
    t.match(line, said, what);
    t.notMatch(line, /hunter2|\n/, what);
  }
  await sql`GRANT CREATE ON DATABASE ${sql(connection.database)} TO ${sql(role)}`;
  t.match(await refusal(t, limited), /permission denied for schema public; GRANT USAGE, CREATE ON SCHEMA "public" TO/);
  await sql`GRANT CREATE ON SCHEMA public TO ${sql(role)}`;
  t.equal(await refusal(t, limited), 'it starts', 'with the rights that were asked for');
});
