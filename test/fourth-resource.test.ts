// A resource is one definition file and one migration: a copy of the project gets both, as docs/your-own-resource.md has
// them, and nothing else. Then the commands of that page are typed, and answered as it says. A second resource has the names
// that are the hardest to tell from SQL's and the API's own.
import { cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { createEmptyDatabase } from './databases.ts';
import { environment } from './environment.ts';
import { call, follow, startService, upload } from './service-process.ts';
import { temporaryFolder } from './temporary-folder.ts';
import { blocksOf, typeCommands, withoutCurl } from './type-commands.ts';

const root = join(import.meta.dirname, '..');

const tutorial = 'docs/your-own-resource.md';
const blocks = await blocksOf(tutorial);
const [definition = '', migration = ''] = blocks.filter(({ kind }) => kind === 'ts').map(({ content }) => content);
const file = blocks.find(({ kind }) => kind === 'csv')?.content ?? '';

const seats = `import { defineResource } from './resource.ts';
export default defineResource({
  name: 'seats',
  singular: 'seat',
  fields: {
    id: { type: 'uuid' },
    user: { type: 'slug', maxLength: 20 },
    from: { type: 'email', maxLength: 90 },
    status: { type: 'text' },
    limit: { type: 'text', default: null },
  },
  keys: ['id', 'user', 'from'],
});`;
const seatsMigration = migration.replaceAll("'reviews'", "'seats'").replace(
  /CREATE TABLE .*\)`/s,
  `CREATE TABLE seats (
      id uuid PRIMARY KEY, "user" text NOT NULL UNIQUE, "from" varchar(90) COLLATE "C" NOT NULL, status text NOT NULL, "limit" text
    )\`.execute(db);
    await sql\`CREATE UNIQUE INDEX ON seats (lower("from"))\``,
);

interface Import {
  job_id: string;
  status: string;
  successful: number;
  errors: { line: number; field: string; message: string }[];
}

t.test('a definition and a migration make a resource', async (t) => {
  const folder = await temporaryFolder(t);
  for (const part of ['src', 'plugins', 'workers', 'db', 'console', 'package.json']) {
    await cp(join(root, part), join(folder, part), { recursive: true });
  }
  await mkdir(join(folder, 'testdata'));
  for (const seed of ['seed_users.csv', 'seed_articles.ndjson', 'seed_comments.ndjson']) {
    await cp(join(root, 'testdata', seed), join(folder, 'testdata', seed));
  }
  await symlink(join(root, 'node_modules'), join(folder, 'node_modules'));
  await writeFile(join(folder, 'src/resources/reviews.ts'), definition);
  await writeFile(join(folder, 'db/migrations/0100-reviews.ts'), migration);
  await writeFile(join(folder, 'src/resources/seats.ts'), seats);
  await writeFile(join(folder, 'db/migrations/0101-seats.ts'), seatsMigration);

  const database = await createEmptyDatabase(t);
  const { url } = await startService(
    t,
    { ...environment(database, join(folder, 'data')), LOG_LEVEL: 'info', SEED: 'on' },
    { folder },
  );
  // Reviews are of the sample users.
  await follow<{ database: Record<string, number> }>(`${url}/metrics`, ({ database }) => database.users === 10);
  const run = async (resource: string, name: string, content: string) => {
    const jobId = await upload(url, resource, name, new Blob([content]));
    return await follow<Import>(`${url}/v1/imports/${jobId}`, ({ status }) => !/pending|processing/.test(status));
  };
  const [user] = (await readFile(join(root, 'testdata/seed_users.csv'), 'utf8')).split('\n').slice(1);
  const userId = user?.split(',')[0];

  await t.test('the commands of the tutorial answer as it says', { skip: withoutCurl }, async (t) => {
    await writeFile(join(folder, 'reviews.csv'), file);
    t.ok((await typeCommands(t, tutorial, { url, folder })) > 5);
  });

  const id = (n: number) => `00000000-0000-4000-8000-00000000000${n}`;
  const record = (n: number, more = {}) => ({ id: id(n), code: `r-${n}`, user_id: userId, note: `Note ${n}`, ...more });
  t.match(await run('reviews', 'r.json', JSON.stringify([record(1), record(2, { verdict: 'bad' })])), {
    successful: 2,
  });
  t.match(await run('reviews', 'r.ndjson', JSON.stringify(record(3))), { successful: 1 });
  const csv = `code,id,user_id,verdict\nr-4,${id(4)},${userId},\nr-1,${id(5)},${userId},good\nr-6,${id(6)},${id(9)},fine\nr-7,${id(7)},${id(9)},\n`;
  const faulty = await run('reviews', 'r.csv', csv);
  t.match(faulty, { status: 'completed', successful: 1 });
  t.same(
    faulty.errors.map(({ line, field, message }) => [line, field, message]),
    [
      [3, 'code', 'duplicate code'],
      [4, 'verdict', 'invalid verdict, must be one of: good, bad'],
      [5, 'user_id', 'referenced user does not exist'],
    ],
  );

  t.match(await call(`${url}/metrics`), { database: { users: 10, reviews: withoutCurl ? 4 : 6 } });
  const text = await (await fetch(`${url}/metrics`, { headers: { accept: 'text/plain' } })).text();
  t.match(text, /resource="reviews"/);
  const list = await call<{ imports: Import[] }>(`${url}/v1/imports?resource=reviews`);
  t.equal(list.imports.length, withoutCurl ? 3 : 4);
  t.match(await call(`${url}/v1/imports/${faulty.job_id}/errors`), { error_count: 3 });
  const exported = await (await fetch(`${url}/v1/exports?resource=reviews&format=csv&code=r-2`)).text();
  t.match(exported, new RegExp(`^id,code,user_id,verdict,note,at\\n${id(2)},r-2,${userId},bad,Note 2,[^\\n]+\\n$`));

  await t.test('fields may be named like keywords of SQL and parameters of the API', async (t) => {
    const seat = (n: number, user: string, from: string) =>
      JSON.stringify({ id: id(n), user, from: `${from}@a.example`, status: 'completed', limit: '7' });
    t.match(await run('seats', 's.ndjson', `${seat(1, 'a', 'a')}\n${seat(2, 'b', 'b')}`), { successful: 2 });
    const again = await run('seats', 's.ndjson', [seat(3, 'a', 'c'), seat(4, 'd', 'B'), seat(5, 'e', 'e')].join('\n'));
    t.equal(again.successful, 1);
    t.same(
      again.errors.map(({ line, message }) => [line, message]),
      [
        [1, 'duplicate user'],
        [2, 'duplicate from'],
      ],
    );
    const ask = async (query: string) => await (await fetch(`${url}/v1/exports?resource=seats&${query}`)).text();
    t.equal((await ask('status=completed')).split('\n').length, 4, 'an export, for the field may well have that value');
    t.equal(await ask('limit[eq]=7&limit=1&sort=user&fields=user,limit'), '{"user":"a","limit":"7"}\n');
  });
});
