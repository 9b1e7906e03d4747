import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import t, { type Test } from 'tap';
import { faultyFiles } from '../testdata/faulty-files.ts';
import { seedFiles } from '../testdata/seed-files.ts';
import { writeRecords } from '../testdata/write-records.ts';
import { check, type Fault, type Outcome, type Tables } from './reference-checker.ts';

const folder = join(import.meta.dirname, '../testdata');
const read = (name: string) => readFile(join(folder, name), 'utf8');

/** The figures the three faulty files are known by. */
const figures = {
  users: { total: 10_000, successful: 3_233, failed: 6_767, errors: 7_086 },
  articles: { total: 15_000, successful: 11_155, failed: 3_845, errors: 4_083 },
  comments: { total: 20_000, successful: 19_105, failed: 895, errors: 930 },
};

function countsOf({ total, faults, loaded }: Outcome) {
  return {
    total,
    successful: loaded.size,
    failed: new Set(faults.map((fault) => fault.record)).size,
    errors: faults.length,
  };
}

/** How many faults have the field and the code; each may be left open. */
function count(faults: readonly Pick<Fault, 'field' | 'code'>[], field?: string, code?: string): number {
  return faults.filter((fault) => (!field || fault.field === field) && (!code || fault.code === code)).length;
}

function checkDetails(t: Test, resource: keyof typeof figures, faults: readonly Fault[]) {
  if (resource === 'users') {
    t.equal(count(faults, 'email', 'duplicate'), 19, 'duplicate emails');
    t.ok(count(faults, 'id', 'required') > 0, 'missing ids');
    for (const value of ['foo@bar', 'manager', 'reader'])
      t.ok(
        faults.some((fault) => fault.value === value),
        value,
      );
  } else if (resource === 'articles') {
    t.equal(count(faults, 'published_at', 'draft'), 94, 'drafts with published_at');
    t.ok(count(faults, 'slug', 'duplicate') > 0, 'duplicate slugs');
    t.ok(count(faults, 'id', 'required') > 0, 'missing ids');
  } else {
    t.equal(count(faults, 'article_id'), 457, 'invalid article_id');
    t.equal(count(faults, 'article_id', 'uuid'), 457, 'all of them malformed');
    t.equal(count(faults, 'body', 'required'), 250, 'missing bodies');
    t.ok(count(faults, 'body', 'words') > 0, 'over-long bodies');
  }
}

t.test('the files of testdata/ are what the generator writes', async (t) => {
  const files = Object.entries({ ...seedFiles(), ...faultyFiles() });
  t.equal(files.length, 6);
  for (const [name, text] of files) t.ok((await read(name)) === text, name);
});

for (const seeded of [false, true]) {
  t.test(
    `the faulty files hold exactly the published faults, ${seeded ? 'after the seed files' : 'alone'}`,
    async (t) => {
      const tables: Tables = { users: new Set(), articles: new Set() };
      if (seeded) {
        for (const [resource, name, records] of [
          ['users', 'seed_users.csv', 10],
          ['articles', 'seed_articles.ndjson', 5],
          ['comments', 'seed_comments.ndjson', 5],
        ] as const) {
          const outcome = check(resource, await read(name), tables);
          t.same(countsOf(outcome), { total: records, successful: records, failed: 0, errors: 0 }, name);
          if (resource !== 'comments') tables[resource] = outcome.loaded;
        }
      }
      for (const [resource, name] of [
        ['users', 'users_huge.csv'],
        ['articles', 'articles_huge.ndjson'],
        ['comments', 'comments_huge.ndjson'],
      ] as const) {
        const outcome = check(resource, await read(name), tables);
        t.same(countsOf(outcome), figures[resource], name);
        checkDetails(t, resource, outcome.faults);
        if (resource !== 'comments') {
          const present = new Set([...tables[resource], ...outcome.loaded]);
          t.equal(present.size, tables[resource].size + outcome.loaded.size, `${name} shares no id with the seed file`);
          tables[resource] = present;
        }
      }
    },
  );
}

t.test('a large valid file refers to records of the files it belongs to', async (t) => {
  const folder = t.testdir();
  const path = (name: string) => join(folder, name);
  const sizes = { users: 400, articles: 300 };
  await writeRecords({ resource: 'users', records: 400, path: path('u.csv') });
  await writeRecords({ resource: 'articles', records: 300, path: path('a.ndjson'), ...sizes });
  await writeRecords({ resource: 'comments', records: 2000, path: path('c.ndjson'), ...sizes });
  const users = check('users', await readFile(path('u.csv'), 'utf8'), { users: new Set(), articles: new Set() });
  const tables: Tables = { users: users.loaded, articles: new Set() };
  const articles = check('articles', await readFile(path('a.ndjson'), 'utf8'), tables);
  tables.articles = articles.loaded;
  const comments = check('comments', await readFile(path('c.ndjson'), 'utf8'), tables);
  t.same([users, articles, comments].map(countsOf), [
    { total: 400, successful: 400, failed: 0, errors: 0 },
    { total: 300, successful: 300, failed: 0, errors: 0 },
    { total: 2000, successful: 2000, failed: 0, errors: 0 },
  ]);
});

t.test('a generated file has the share of invalid records that was asked for', async (t) => {
  const path = join(t.testdir(), 'users.csv');
  const written = await writeRecords({ resource: 'users', records: 1000, path, invalid: 0.67 });
  t.match(written, { valid: 330, invalid: 670 });
  const outcome = check('users', await readFile(path, 'utf8'), { users: new Set(), articles: new Set() });
  t.same(countsOf(outcome), { total: 1000, successful: 330, failed: 670, errors: 670 });
});

t.test('the same records come in every format, gzipped too', async (t) => {
  const folder = t.testdir();
  const options = { resource: 'articles', records: 50, seed: 7 } as const;
  for (const name of ['a.ndjson', 'b.jsonl', 'c.json', 'd.ndjson.gz'])
    await writeRecords({ ...options, path: join(folder, name) });
  const lines = await readFile(join(folder, 'a.ndjson'), 'utf8');
  t.equal(await readFile(join(folder, 'b.jsonl'), 'utf8'), lines);
  t.equal(gunzipSync(await readFile(join(folder, 'd.ndjson.gz'))).toString(), lines);
  const records = lines
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  t.same(JSON.parse(await readFile(join(folder, 'c.json'), 'utf8')), records);
  await t.rejects(writeRecords({ ...options, path: join(folder, 'e.xml') }), RangeError);
});
