import { setTimeout as pause } from 'node:timers/promises';
import { sql as sqlOf } from 'kysely';
import type { Migration } from 'kysely/migration';
import t, { type Test } from 'tap';
import { type Connection, openPool, type Sql } from '../../db/client.ts';
import { loadMigrations, migrate } from '../../db/migrate.ts';
import { assertSuitable, checkServer } from '../../db/server-check.ts';
import { UnsuitableDatabase } from '../../db/unsuitable-database.ts';
import { buildApp } from '../../src/app.ts';
import { loadConfig } from '../../src/config.ts';
import { explainStartFailure } from '../../src/explain-start-failure.ts';
import { ended, importFile, post, statusOf } from '../client.ts';
import { createEmptyDatabase } from '../databases.ts';
import { environment } from '../environment.ts';
import { temporaryFolder } from '../temporary-folder.ts';

// Each has a database of its own, and waits for it most of the time.
t.jobs = 2;

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

async function missing(sql: Sql, wanted: string[]): Promise<string[]> {
  const found = new Set(await tables(sql));
  return wanted.filter((name) => !found.has(name));
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

const all = Object.keys(await loadMigrations());
const ownTables = ['bulk.chunks', 'bulk.idempotency_keys', 'bulk.installation', 'bulk.jobs', 'bulk.row_errors'];
const resourceTables = ['public.articles', 'public.comments', 'public.users'];

t.test('migrations lead up and down again, as far as is wanted', async (t) => {
  const { connection, sql } = await database(t);
  t.same(await migrate(connection), all);
  t.same(await missing(sql, [...ownTables, ...resourceTables]), []);
  t.same(await migrate(connection), [], 'there is nothing left to do');
  t.same(await migrate(connection, { to: '0002-users' }), all.slice(2).toReversed());
  t.same(await missing(sql, [...ownTables, ...resourceTables]), [
    'bulk.installation',
    'public.articles',
    'public.comments',
  ]);
  t.same(await migrate(connection), all.slice(2));
  t.same(await migrate(connection, { to: 'nothing' }), all.toReversed());
  t.same(await tables(sql), []);
  t.same(await migrate(connection), all, 'and up once more');
});

t.test('processes that start together migrate once', async (t) => {
  const { connection, sql } = await database(t);
  const shares = await Promise.all(Array.from({ length: 6 }, async () => await migrate(connection)));
  t.same(shares.flat().toSorted(), all, 'one of them does each migration');
  t.same(await missing(sql, [...ownTables, ...resourceTables]), []);
});

t.test(
  'migrations only add: an older version finds all that it knows, and need not fill what it does not',
  async (t) => {
    const { connection, sql } = await database(t);
    const columns = async () =>
      await sql<{ name: string; type: string; required: boolean }[]>`
      SELECT attrelid::regclass || '.' || attname AS name, format_type(atttypid, atttypmod) AS type,
        attnotnull AND NOT atthasdef AND attidentity = '' AS required
      FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid AND relkind = 'r'
      WHERE relnamespace IN ('bulk'::regnamespace, 'public'::regnamespace) AND attnum > 0 AND NOT attisdropped
        AND relname NOT LIKE 'kysely%'`;
    const checks = async () =>
      await sql`
    SELECT conname FROM pg_constraint WHERE connamespace IN ('bulk'::regnamespace, 'public'::regnamespace)`;
    await migrate(connection, { to: '0004-comments' });
    for (const name of all.slice(4)) {
      const [before, checksBefore] = [await columns(), await checks()];
      await migrate(connection, { to: name });
      const after = new Map((await columns()).map((column) => [column.name, column]));
      for (const column of before) {
        t.same(after.get(column.name), column, `${name} leaves ${column.name} as it was`);
        after.delete(column.name);
      }
      const olderTables = new Set(before.map((column) => column.name.replace(/\.[^.]+$/, '')));
      for (const column of after.values()) {
        t.notOk(olderTables.has(column.name.replace(/\.[^.]+$/, '')) && column.required, `${name}: ${column.name}`);
      }
      const constraints = new Set((await checks()).map(({ conname }) => conname));
      t.ok(checksBefore.every(({ conname }) => constraints.has(conname)));
    }
  },
);

const later: Migration = {
  up: async (db) => {
    await sqlOf`ALTER TABLE bulk.jobs ADD COLUMN later text`.execute(db);
    await sqlOf`CREATE INDEX jobs_later ON bulk.jobs (later)`.execute(db);
  },
  down: async (db) => {
    await sqlOf`ALTER TABLE bulk.jobs DROP COLUMN later`.execute(db);
  },
};

t.test('a service goes on working while a newer version migrates', async (t) => {
  const { connection, sql } = await database(t);
  const env = { ...environment(connection, await temporaryFolder(t)), IMPORT_BATCH_SIZE: '10' };
  const app = await buildApp(loadConfig(env));
  t.after(async () => await app.close());
  const content = Array.from(
    { length: 1_000 },
    (_, n) =>
      `{"id":"00000000-0000-4000-8000-${String(n).padStart(12, '0')}","email":"u${n}@a.example","name":"U","role":"admin","created_at":"2024-01-01T00:00:00Z"}`,
  ).join('\n');
  const file = { resource: 'users', name: 'users.ndjson', content };
  await importFile(app, { ...file, content: '' });
  const { job_id } = (await post(app, file)).json();
  const reached = async () => (await statusOf(app, job_id)).processed;
  while ((await reached()) < 100) await pause(5);
  const before = await reached();
  t.same(await migrate(connection, { migrations: { ...(await loadMigrations()), '9999-later': later } }), [
    '9999-later',
  ]);
  t.match(await ended(app, job_id), {
    status: 'completed',
    successful: 1_000,
    processed: 1_000,
    failure: undefined,
  });
  t.ok(before < 1_000, 'it was in the middle');
  t.match(await importFile(app, file), { status: 'completed', successful: 0, failed: 1_000 });
  t.equal((await sql`SELECT FROM users`).length, 1_000);
});

t.test('a table that is in use is not waited for with everybody else queued up behind', async (t) => {
  const { connection, sql } = await database(t);
  await migrate(connection);
  const migrations = { ...(await loadMigrations()), '9999-later': later };
  const busy = Promise.withResolvers<void>();
  const user = await sql.reserve();
  await user`BEGIN`;
  await user`SET LOCAL idle_in_transaction_session_timeout = 0`;
  await user`SELECT FROM bulk.jobs`;
  const migrating = migrate(connection, { migrations, lockTimeoutMs: 50, onBusy: () => busy.resolve() });
  await busy.promise;
  t.same(await sql`UPDATE bulk.jobs SET attempt = 0`, [], 'a neighbour gets its turn');
  await user`COMMIT`;
  user.release();
  t.same(await migrating, ['9999-later'], 'and once the table is free, so do the migrations');

  await migrate(connection, { migrations, to: all.at(-1) });
  await sql.begin(async (tx) => {
    await tx`SELECT FROM bulk.jobs`;
    // By itself it waits for a second, less than this transaction may stand still.
    await t.rejects(migrate(connection, { migrations, maxAttempts: 1 }), {
      name: 'UnsuitableDatabase',
      message: /in use by transactions that do not end/,
    });
  });
  t.same(await migrate(connection, { migrations }), ['9999-later'], 'nothing was half done');
});

t.test('two versions that start together: the newer one has it, the older one is refused or was first', async (t) => {
  const { connection, sql } = await database(t);
  const newer = { ...(await loadMigrations()), '9999-later': later };
  const older = Object.fromEntries(Object.entries(newer).slice(0, 4));
  const starts = [older, newer, older, newer, older].map(
    async (migrations) => await migrate(connection, { migrations }),
  );
  const outcomes = await Promise.allSettled(starts);
  t.same(
    outcomes.filter((_, n) => n % 2 === 1).map(({ status }) => status),
    ['fulfilled', 'fulfilled'],
  );
  for (const outcome of outcomes) {
    if (outcome.status === 'rejected') t.match(outcome.reason, { message: /by a newer version of the service/ });
  }
  const [{ names } = { names: [] }] = await sql<{ names: string[] }[]>`
    SELECT jsonb_agg(name ORDER BY name) AS names FROM bulk.kysely_migration`;
  t.same(names, Object.keys(newer));
  await t.rejects(migrate(connection, { migrations: older }), UnsuitableDatabase);
});

t.test("a team's own migration, whatever its number, does not stand in the way of the next version's", async (t) => {
  const { connection } = await database(t);
  const known = await loadMigrations();
  const own = { '9000-own': { up: async () => {} } };
  const first = Object.fromEntries(Object.entries(known).slice(0, 4));
  t.same(await migrate(connection, { migrations: { ...first, ...own } }), [...all.slice(0, 4), '9000-own']);
  t.same(await migrate(connection, { migrations: { ...known, ...own } }), all.slice(4));
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
  t.same(
    await missing(sql, [...ownTables, ...['articles', 'comments', 'users'].map((name) => `${schema}.${name}`)]),
    [],
  );
});

t.test('a table that fits is used as it is, and left alone when migrations are undone', async (t) => {
  const { connection, sql } = await database(t);
  await sql`CREATE TABLE users (id uuid PRIMARY KEY, email varchar(255) COLLATE "C" NOT NULL, name varchar(300), role text,
    active boolean, created_at timestamptz, updated_at timestamptz, shoe_size integer)`;
  await sql`CREATE UNIQUE INDEX ON users (lower(email))`;
  t.equal(await refusal(t, connection), 'it starts');
  await migrate(connection, { to: 'nothing' });
  t.equal((await sql`SELECT shoe_size FROM users`).length, 0);
});

t.test('a table that does not fit is refused with every difference, before anything is changed', async (t) => {
  const { connection, sql } = await database(t);
  await sql`CREATE TABLE users (id bigint, email text NOT NULL, name text GENERATED ALWAYS AS ('U') STORED, active boolean,
    created_at timestamp, updated_at timestamptz, tenant integer NOT NULL)`;
  await sql`CREATE SCHEMA other`;
  await sql`CREATE TABLE other.users (id uuid PRIMARY KEY)`;
  await sql`CREATE TABLE articles (id uuid PRIMARY KEY, slug text, title text, body text,
    author_id uuid REFERENCES other.users, tags text[], status text, published_at timestamptz, created_at timestamptz)`;
  const said = await refusal(t, connection);
  for (const difference of [
    'column users.id is bigint, not uuid',
    'column users.email must have COLLATE "C"',
    'column users.name is generated, which COPY cannot fill',
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
  t.same(await tables(sql), ['other.users', 'public.articles', 'public.users']);
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
  await sql`ALTER TABLE users RENAME COLUMN name TO full_name`;
  const said = await refusal(t, connection);
  t.match(said, 'by a newer version of the service', 'that is said rather than what is different');
  t.equal(said.split('\n').length, 1);
});

t.test('a job queue that a newer version migrated is refused', async (t) => {
  const { connection, sql } = await database(t);
  t.equal(await refusal(t, connection), 'it starts');
  const [queue] = await sql<[{ version: number }]>`UPDATE pgboss.version SET version = version + 1 RETURNING version`;
  t.match(
    await refusal(t, connection),
    `the job queue was migrated by a newer version of the service (to ${queue.version}, this one knows ${queue.version - 1}); run that version`,
  );
});

t.test('a job queue that somebody dropped is made anew', async (t) => {
  const { connection, sql } = await database(t);
  t.equal(await refusal(t, connection), 'it starts');
  await sql`DROP SCHEMA pgboss CASCADE`;
  t.equal(await refusal(t, connection), 'it starts');
  t.match(await sql`SELECT name FROM pgboss.queue WHERE name = 'import'`, [{ name: 'import' }]);
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
