// The GRANT statements of docs/database.md, as they stand there: with them and nothing else the service imports and exports.
import { readFile } from 'node:fs/promises';
import t, { type Test } from 'tap';
import { type Connection, openPool, type Sql } from '../db/client.ts';
import { migrate } from '../db/migrate.ts';
import { chooseReferenceCheck } from '../db/reference-check.ts';
import { buildApp } from '../src/app.ts';
import { loadConfig } from '../src/config.ts';
import { tableShapeOf } from '../src/resource-table.ts';
import { resources } from '../src/resources/index.ts';
import { importFile } from './client.ts';
import { createDatabase } from './databases.ts';
import { environment } from './environment.ts';
import { temporaryFolder } from './temporary-folder.ts';

const root = new URL('../', import.meta.url);
const page = await readFile(new URL('docs/database.md', root), 'utf8');
const [atFirst = '', making = '', made = '', others = '', fast = '', revoking = ''] = [
  ...page.matchAll(/^```sql\n(.*?)^```/gms),
].map(([, statements]) => statements);
const password = 'change-me-please';

interface Database {
  /** As the role. */
  connection: Connection;
  /** As a superuser, in the database. */
  admin: Sql;
  /** Statements of the page, for this database and role. */
  run(statements: string): Promise<void>;
}

/** A database and a role by the page's first statements, and nothing that everybody may. */
async function prepare(t: Test): Promise<Database> {
  const server = await createDatabase(t);
  const outside = openPool(server, { max: 1, name: 'test' });
  const [user, database] = [`role_of_${server.database}`, `own_${server.database}`];
  const ours = (statements: string) => statements.replaceAll('bulk_service', user).replaceAll('bulk_data', database);
  for (const statement of ours(atFirst).split(/(?<=;)\n/)) await outside.unsafe(statement);
  const admin = openPool({ ...server, database }, { max: 1, name: 'test' });
  t.after(async () => {
    // Rights to parameters belong to the whole server.
    await admin.unsafe(`DROP OWNED BY ${user} CASCADE`);
    await admin.end();
    await outside.unsafe(`DROP DATABASE ${database} WITH (FORCE)`);
    await outside.unsafe(`DROP ROLE ${user}`);
    await outside.end();
  });
  await admin.unsafe(`REVOKE ALL ON DATABASE ${database} FROM PUBLIC; REVOKE ALL ON SCHEMA public FROM PUBLIC`);
  return {
    connection: { ...server, user, password, database },
    admin,
    run: async (statements) => void (await admin.unsafe(ours(statements))),
  };
}

/** A start, and what is done with the service then. */
async function serve(t: Test, { connection }: Database, work: (run: () => Promise<void>) => Promise<void>) {
  const app = await buildApp(loadConfig(environment(connection, await temporaryFolder(t))));
  try {
    await work(async () => {
      for (const [resource, file, rows] of [
        ['users', 'seed_users.csv', 10],
        ['articles', 'seed_articles.ndjson', 5],
        ['comments', 'seed_comments.ndjson', 5],
      ] as const) {
        const content = await readFile(new URL(`testdata/${file}`, root));
        const job = await importFile(app, { resource, name: file, content });
        t.match(job, { status: 'completed', successful: rows, failed: 0 }, `import of ${resource}`);
        const exported = await app.inject(`/v1/exports?resource=${resource}`);
        t.equal(exported.body.trim().split('\n').length, rows, `export of ${resource}`);
      }
    });
  } finally {
    await app.close();
  }
}

async function checkOf(resource: string, { connection }: Database): Promise<string> {
  const sql = openPool(connection, { max: 1, name: 'test' });
  try {
    return (await chooseReferenceCheck(sql, tableShapeOf(resources.get(resource)!))).mode;
  } finally {
    await sql.end();
  }
}

t.test('the page has the statements', async (t) => {
  for (const statements of [atFirst, making, made, others, fast, revoking]) t.match(statements, /bulk_service/);
});

t.test('a role that makes its schemas and tables, and may make none afterwards', async (t) => {
  const database = await prepare(t);
  await database.run(making);
  await serve(t, database, async (run) => await run());
  t.equal(await checkOf('comments', database), 'triggers');
  await database.admin`TRUNCATE users CASCADE`;
  await database.run(revoking);
  // On tables of its own the role has the rest.
  await database.run(fast.split('\n')[0]!);
  await serve(t, database, async (run) => {
    t.equal(await checkOf('comments', database), 'set');
    await run();
    await database.admin`CREATE SCHEMA other`;
    await database.admin`CREATE TABLE other.users (LIKE users INCLUDING ALL)`;
    await database.admin`ALTER TABLE articles DROP CONSTRAINT articles_author_id_fkey,
      ADD FOREIGN KEY (author_id) REFERENCES other.users NOT VALID`;
    t.equal(await checkOf('articles', database), 'triggers', 'which look into the other table');
  });
  const [role] = await database.admin`
    SELECT rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls,
      EXISTS (SELECT FROM pg_auth_members WHERE member = pg_roles.oid) AS member
    FROM pg_roles WHERE rolname = ${database.connection.user}`;
  t.ok(
    Object.values(role ?? { none: true }).every((has) => has === false),
    'it has no other powers',
  );
});

t.test('a role that may make no schemas', async (t) => {
  const database = await prepare(t);
  await database.run(made);
  await serve(t, database, async (run) => await run());
});

t.test('a role on tables of another owner', async (t) => {
  const database = await prepare(t);
  const { connection, admin } = database;
  // As their owner made them; of the service's own nothing is left.
  const [owner] = await admin<{ user: string }[]>`SELECT current_user AS user`;
  const { options } = admin;
  await migrate({ ...connection, user: owner?.user ?? '', password: String(options.pass) });
  await admin`DROP SCHEMA bulk, pgboss CASCADE`;
  await database.run(others);
  const stored = async () =>
    await admin<{ id: string; article_id: string }[]>`SELECT id, article_id FROM comments ORDER BY ctid`;
  await serve(t, database, async (run) => {
    t.equal(await checkOf('comments', database), 'triggers');
    await run();
    const articles = (await stored()).map((row) => row.article_id);
    t.same(articles, articles.toSorted(), 'the triggers find the parents of neighbours side by side');
    await admin`TRUNCATE users CASCADE`;
    await database.run(fast);
    t.equal(await checkOf('comments', database), 'set');
    await run();
    const ids = (await stored()).map(({ id }) => id);
    t.same(ids, ids.toSorted(), 'otherwise rows are in the order of their key');
  });
  await admin`ALTER TABLE users ENABLE ROW LEVEL SECURITY`;
  const start = serve(t, database, async () => {});
  await t.rejects(start, {
    message: /: row-level security of users holds for this role, which COPY cannot load under$/,
  });
});
