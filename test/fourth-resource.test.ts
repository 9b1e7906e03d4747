// A resource is one definition file and one migration: a copy of the project gets both, and nothing else.
import { cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { environment, temporaryFolder } from './build.ts';
import { createEmptyDatabase } from './databases.ts';
import { call, follow, startService, upload } from './service-process.ts';

const root = join(import.meta.dirname, '..');

const definition = `
import { defineResource } from './resource.ts';

export default defineResource({
  name: 'reviews',
  singular: 'review',
  fields: {
    id: { type: 'uuid' },
    code: { type: 'slug', maxLength: 20 },
    user_id: { type: 'uuid', references: 'users' },
    verdict: { type: 'enum', values: ['good', 'bad'], default: 'good' },
    note: { type: 'text', maxLength: 50, default: null },
    at: { type: 'timestamp', default: 'now' },
  },
  keys: ['id', 'code'],
});
`;
const migration = `
import { sql } from 'kysely';
import { createResourceTable, dropResourceTable } from '../resource-tables.ts';

export async function up(db) {
  await createResourceTable(db, 'reviews', async () => {
    await sql\`CREATE TABLE reviews (id uuid PRIMARY KEY, code text NOT NULL UNIQUE, user_id uuid NOT NULL REFERENCES users,
      verdict text NOT NULL, note text, at timestamptz NOT NULL)\`.execute(db);
  });
}

export async function down(db) {
  await dropResourceTable(db, 'reviews');
}
`;

interface Import {
  job_id: string;
  status: string;
  successful: number;
  errors: { line: number; field: string; message: string }[];
}

t.test('a definition and a migration make a resource', async (t) => {
  const folder = await temporaryFolder(t);
  for (const part of ['src', 'plugins', 'workers', 'db', 'package.json']) {
    await cp(join(root, part), join(folder, part), { recursive: true });
  }
  await mkdir(join(folder, 'testdata'));
  await symlink(join(root, 'node_modules'), join(folder, 'node_modules'));
  await writeFile(join(folder, 'src/resources/reviews.ts'), definition);
  await writeFile(join(folder, 'db/migrations/0100-reviews.ts'), migration);

  const database = await createEmptyDatabase(t);
  const { url } = await startService(
    t,
    { ...environment(database, join(folder, 'data')), LOG_LEVEL: 'info' },
    { folder },
  );
  const run = async (resource: string, name: string, content: string) => {
    const jobId = await upload(url, resource, name, new Blob([content]));
    return await follow<Import>(`${url}/v1/imports/${jobId}`, ({ status }) => !/pending|processing/.test(status));
  };
  const [user] = (await readFile(join(root, 'testdata/seed_users.csv'), 'utf8')).split('\n').slice(1);
  const userId = user?.split(',')[0];
  t.match(await run('users', 'u.csv', `id,email,name,role,active,created_at,updated_at\n${user}\n`), { successful: 1 });

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

  t.match(await call(`${url}/metrics`), { database: { users: 1, reviews: 4 } });
  const text = await (await fetch(`${url}/metrics`, { headers: { accept: 'text/plain' } })).text();
  t.match(text, /resource="reviews"/);
  const list = await call<{ imports: Import[] }>(`${url}/v1/imports?resource=reviews`);
  t.equal(list.imports.length, 3);
  t.match(await call(`${url}/v1/imports/${faulty.job_id}/errors`), { error_count: 3 });
  const exported = await (await fetch(`${url}/v1/exports?resource=reviews&format=csv&verdict=bad`)).text();
  t.match(exported, new RegExp(`^id,code,user_id,verdict,note,at\\n${id(2)},r-2,${userId},bad,Note 2,[^\\n]+\\n$`));
});
