// One process that is never restarted, while clients do everything at once and leave as they like, most jobs fail, and
// sessions, threads and files are taken from it. What it holds for each of them must be given back: afterwards more is asked
// for than there is of anything, and is done in time.
import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import fc from 'fast-check';
import type { Test } from 'tap';
import { openPool } from '../../db/client.ts';
import { build } from '../build.ts';
import { ended, importFile, listen } from '../client.ts';
import { user } from '../numbered.ts';
import { anyStep, ask, type Soaked, stays, take } from './steps.ts';

/** Few of everything, so that little is enough to use it up; many chunks a file. */
const settings = {
  IMPORT_WORKERS: '1',
  IMPORT_CONNECTIONS: '2',
  IMPORT_BATCH_SIZE: '20',
  MAX_ROW_ERRORS: '100',
  MAX_UNPACKED_SIZE: '200000',
  MAX_UNFINISHED_JOBS: '1000',
  RATE_LIMIT: '0',
  CLIENT_STALL_TIMEOUT: '10s',
};

const clients = 10;

export interface Soak {
  /** Takes the steps, several at once, and looks at what is left of it. */
  property: fc.IAsyncProperty<unknown>;
  taken: Map<string, number>;
}

export async function openSoak(t: Pick<Test, 'after'>): Promise<Soak> {
  const app = await build(t, settings);
  const sql = openPool(app.connection, { max: 1, name: 'test' });
  t.after(async () => await sql.end({ timeout: 1 }));
  const soaked: Soaked = { app, url: await listen(app), sql, imports: [], exports: [], taken: new Map() };
  // More than the operating system keeps for a client on its way.
  await sql`INSERT INTO users SELECT gen_random_uuid(), 'kept' || n || '@example.com', repeat('name ', 40) || n, 'viewer', true, now(), now()
    FROM generate_series(1, 6000) n`;
  await checkServed(soaked);
  const before = await descriptors();
  const steps = fc.array(anyStep, { minLength: 100, maxLength: 200, size: 'max' });
  const property = fc.asyncProperty(steps, async (steps) => {
    const left = steps.values();
    const client = async () => {
      for (const step of left) await take(soaked, step);
    };
    await Promise.all(Array.from({ length: clients }, client));
    await checkEnded(soaked);
    await checkServed(soaked);
    const held = (await descriptors()) - before;
    assert.ok(held < 40, `${held} descriptors more than before`);
  });
  return { property: property as unknown as fc.IAsyncProperty<unknown>, taken: soaked.taken };
}

const descriptors = async () => (await readdir('/proc/self/fd')).length;

const limitMs = 60_000;

/** All jobs, with counters that agree, and whatever they held of the database. */
async function checkEnded({ app, sql }: Soaked): Promise<void> {
  const startedAt = Date.now();
  for (;;) {
    const jobs = await sql`SELECT id, type, status, attempt FROM bulk.jobs WHERE status IN ('pending', 'processing')`;
    const sessions = await sql`SELECT application_name, state, query FROM pg_stat_activity
      WHERE datname = current_database() AND application_name <> 'test' AND state <> 'idle' AND xact_start < now() - interval '5 seconds'`;
    if (jobs.length === 0 && app.queue.running === 0 && sessions.length === 0) break;
    const busy = JSON.stringify({ jobs, running: app.queue.running, sessions });
    assert.ok(Date.now() - startedAt < limitMs, `not over: ${busy}`);
    await pause(20);
  }
  const wrong = await sql`SELECT id, total_records, successful, failed FROM bulk.jobs
    WHERE type = 'import' AND status = 'completed' AND total_records <> successful + failed`;
  assert.deepEqual([...wrong], []);
}

/** More requests and jobs of each kind than it takes on at once. */
async function checkServed(soaked: Soaked): Promise<void> {
  const { app, sql } = soaked;
  const many = Array.from({ length: 16 }, (_, n) => n);
  const answers = await Promise.all(
    many.map(async () => await ask(soaked, '/v1/exports?resource=users&limit=100', stays)),
  );
  for (const answer of answers) assert.equal(answer?.status, 200);
  const content = many.map((n) => user(n)).join('\n');
  const preview = '/v1/imports/preview?resource=users&file_name=users.ndjson';
  const headers = { 'content-type': 'application/octet-stream' };
  for (const _ of many) {
    const answer = await ask(soaked, preview, stays, { method: 'POST', body: content, headers });
    assert.equal(answer?.status, 200);
  }
  await sql`DELETE FROM users WHERE email LIKE 'u%'`;
  const chunks = Array.from({ length: 20 * many.length }, (_, n) => user(n)).join('\n');
  const job = await inTime(importFile(app, { resource: 'users', name: 'users.ndjson', content: chunks }));
  assert.deepEqual([job.status, job.successful], ['completed', 20 * many.length], JSON.stringify(job));
  const exported = await app.inject({ method: 'POST', url: '/v1/exports', payload: { resource: 'users' } });
  assert.equal((await inTime(ended(app, exported.json().job_id, 'exports'))).status, 'completed');
}

/** @throws when it hangs. */
async function inTime<T>(work: Promise<T>): Promise<T> {
  const late = pause(limitMs, null, { ref: false }).then(() => assert.fail('a job hangs'));
  return await Promise.race([work, late]);
}
