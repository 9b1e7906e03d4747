// Processes on one database that are not alike: of another DB_SCHEMA, or of a version with other resources.
import { setTimeout as pause } from 'node:timers/promises';
import t from 'tap';
import { openPool } from '../db/client.ts';
import { buildApp } from '../src/app.ts';
import { loadConfig } from '../src/config.ts';
import { ended, post } from './client.ts';
import { createDatabase } from './databases.ts';
import { environment } from './environment.ts';
import { id, user } from './numbered.ts';
import { temporaryFolder } from './temporary-folder.ts';

const connection = await createDatabase(t);
const folder = await temporaryFolder(t);
const start = async (env: Record<string, string> = {}) => {
  const app = await buildApp(loadConfig({ ...environment(connection, folder), ...env }));
  t.after(async () => await app.close());
  return app;
};
const sql = openPool(connection, { max: 1, name: 'test' });
t.after(async () => await sql.end());

t.test('a job is run with the DB_SCHEMA of the process that accepted it', async (t) => {
  await sql.unsafe(`
    CREATE SCHEMA tenant;
    CREATE TABLE tenant.users (LIKE users INCLUDING ALL);
    CREATE TABLE tenant.articles (LIKE articles INCLUDING ALL, FOREIGN KEY (author_id) REFERENCES tenant.users);
    CREATE TABLE tenant.comments (LIKE comments INCLUDING ALL, FOREIGN KEY (user_id) REFERENCES tenant.users,
      FOREIGN KEY (article_id) REFERENCES tenant.articles)`);
  const apps = [await start(), await start({ DB_SCHEMA: 'tenant' })];
  const jobs = [];
  for (let n = 1; n <= 20; n++) {
    const app = apps[n % 2]!;
    const answer = await post(app, { resource: 'users', name: 'u.ndjson', content: user(n) });
    jobs.push({ app, id: answer.json().job_id as string });
  }
  for (const { app, id } of jobs) t.match(await ended(app, id), { status: 'completed', successful: 1 });
  const idsIn = async (table: string) => (await sql.unsafe(`SELECT id FROM ${table} ORDER BY id`)).map((row) => row.id);
  const numbers = Array.from({ length: 20 }, (_, n) => n + 1);
  t.same(await idsIn('public.users'), numbers.filter((n) => n % 2 === 0).map(id));
  t.same(await idsIn('tenant.users'), numbers.filter((n) => n % 2 === 1).map(id));
});

t.test('a job of a resource that is not known here is left to a process that knows it', async (t) => {
  const app = await start();
  const [job] = await sql<[{ id: string }]>`
    INSERT INTO bulk.jobs (id, type, resource, format, options) VALUES (gen_random_uuid(), 'export', 'planets', 'csv', '{"compression":null}')
    RETURNING id`;
  // As the process queued it that accepted it.
  await sql`
    INSERT INTO pgboss.job (name, data, singleton_key, policy)
    VALUES ('export', ${sql.json({ jobId: job.id, resource: 'planets', schema: 'public' })}, ${job.id}, 'exclusive')`;
  const left = async () =>
    (await sql`SELECT FROM pgboss.job WHERE singleton_key = ${job.id} AND state < 'completed'`).length;
  while ((await left()) > 0) await pause(20);
  await pause(2_500);
  t.equal(await left(), 0, 'it is not queued here');
  t.match((await app.inject(`/v1/exports/${job.id}`)).json(), { status: 'pending' });
  const cancelled = await app.inject({ method: 'POST', url: `/v1/exports/${job.id}/cancel` });
  t.equal(cancelled.statusCode, 202);
});

t.test('entries of an earlier version, which name the job alone, change nothing about that', async (t) => {
  const app = await start();
  const { job_id } = (await post(app, { resource: 'users', name: 'u.ndjson', content: '{}' })).json();
  await ended(app, job_id);
  await sql`UPDATE bulk.jobs SET status = 'pending', attempt = 0, db_schema = 'another' WHERE id = ${job_id}`;
  const count = async () =>
    (await sql`SELECT FROM pgboss.job WHERE singleton_key = ${job_id} AND state < 'completed'`).length;
  while ((await count()) > 0) await pause(20);
  await sql`
    INSERT INTO pgboss.job (name, data, singleton_key, policy)
    VALUES ('import', ${sql.json({ jobId: job_id })}, ${job_id}, 'exclusive')`;
  while ((await count()) > 0) await pause(20);
  t.match((await app.inject(`/v1/imports/${job_id}`)).json(), { status: 'pending', failed: 1 });

  await sql`UPDATE bulk.jobs SET status = 'completed', resource = 'planets' WHERE id = ${job_id}`;
  for (const method of ['GET', 'HEAD'] as const) {
    const { statusCode } = await app.inject({ method, url: `/v1/imports/${job_id}/rejects` });
    t.equal(statusCode, 409, 'nor are records read of a resource that is not known');
  }
});

// What the apps have open would keep the file from ending.
t.end();
