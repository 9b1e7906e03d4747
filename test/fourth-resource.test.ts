// A resource is one definition file and one migration: a copy of the project gets both, as docs/your-own-resource.md has
// them, and nothing else. Then the commands of that page are typed, and answered as it says.
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
});
