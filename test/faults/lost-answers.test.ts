// A connection that is lost while a transaction ends leaves it open whether that was carried out. Here it is lost where a job
// is made or ended, and a wrong guess would cost a file or an end that nobody hears of: before it is carried out, and after.
import { readdir } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import type { FastifyInstance } from 'fastify';
import type { Transaction } from 'kysely';
import t from 'tap';
import type { Job } from '../../db/jobs.ts';
import type { Database } from '../../db/tables.ts';
import { shareApps } from '../build.ts';
import { ended, post } from '../client.ts';

const file = {
  resource: 'users',
  name: 'users.ndjson',
  content:
    '{"id":"00000000-0000-4000-8000-000000000001","email":"a@example.com","name":"A","role":"admin","created_at":"2024-01-01T00:00:00Z"}',
};
const lost = () => Object.assign(new Error('write CONNECTION_CLOSED'), { code: 'CONNECTION_CLOSED' });

const isPartOf = (part: object, whole: unknown) =>
  Object.entries(part).every(([name, value]) => (whole as Record<string, unknown> | undefined)?.[name] === value);

/** Loses the connection once, at the end of the next transaction that makes or ends a job as it is meant. */
function loseCommit({ db }: FastifyInstance, when: 'before' | 'after', meant: Partial<Job>): void {
  const transaction = db.transaction.bind(db);
  const execute = async <T>(work: (tx: Transaction<Database>) => Promise<T>): Promise<T> => {
    let found = false;
    const job = await transaction().execute(async (tx) => {
      const job = await work(tx);
      found = isPartOf(meant, job);
      if (found) db.transaction = transaction;
      if (found && when === 'before') throw lost();
      return job;
    });
    if (found) throw lost();
    return job;
  };
  db.transaction = () => ({ execute }) as ReturnType<typeof db.transaction>;
}

/** How many jobs the process has told its figures that it completed. */
async function endsOf({ telemetry }: FastifyInstance, type: Job['type']): Promise<number> {
  const series = `bulk_jobs_ended_total{type="${type}",resource="users",state="completed"} `;
  const line = (await telemetry.text()).split('\n').find((line) => line.startsWith(series));
  return Number(line?.slice(series.length));
}

const fresh = await shareApps(t);

t.test('the answer to COMMIT is lost: the job is there, and its file too', async (t) => {
  const app = await fresh();
  loseCommit(app, 'after', { type: 'import', status: 'pending' });
  const accepted = await post(app, { ...file, headers: { 'idempotency-key': 'key' } });
  t.equal(accepted.statusCode, 202, accepted.body);
  t.match(await ended(app, accepted.json().job_id), { status: 'completed', successful: 1 });
  t.equal((await readdir(app.config.uploadDir)).length, 1);
  const again = await post(app, { ...file, headers: { 'idempotency-key': 'key' } });
  t.match(again.json(), { job_id: accepted.json().job_id });
});

t.test('the connection is lost before COMMIT: 503, and neither job nor file', async (t) => {
  const app = await fresh();
  loseCommit(app, 'before', { type: 'import', status: 'pending' });
  const refused = await post(app, file);
  t.match(refused.json(), { status: 503, code: 'database_unavailable' });
  t.ok(refused.headers['retry-after']);
  t.same(await readdir(app.config.uploadDir), []);
  t.same((await app.inject('/v1/imports')).json().imports, []);
});

for (const when of ['before', 'after'] as const) {
  t.test(`the connection is lost ${when} an export is ended: it ends with one file`, async (t) => {
    const app = await fresh();
    const endsBefore = await endsOf(app, 'export');
    loseCommit(app, when, { type: 'export', status: 'completed' });
    const accepted = await app.inject({ method: 'POST', url: '/v1/exports', payload: { resource: 'users' } });
    const job = await ended<{ status: string; download_url: string }>(app, accepted.json().job_id, 'exports');
    t.match(job, { status: 'completed' });
    // A file that the attempt takes for nobody's is removed only after the job's end is seen.
    while (app.queue.running > 0) await pause(10);
    t.equal((await app.inject(job.download_url)).statusCode, 200);
    t.equal((await readdir(app.config.exportDir)).length, 1);
    t.match(await app.sql`SELECT attempt FROM bulk.jobs`, [{ attempt: 1 }]);
    t.equal(await endsOf(app, 'export'), endsBefore + 1);
  });

  t.test(`the connection is lost ${when} an import is ended: its end is told of`, async (t) => {
    const app = await fresh();
    const endsBefore = await endsOf(app, 'import');
    loseCommit(app, when, { type: 'import', status: 'completed' });
    const accepted = await post(app, file);
    t.match(await ended(app, accepted.json().job_id), { status: 'completed', successful: 1 });
    while (app.queue.running > 0) await pause(10);
    t.match(await app.sql`SELECT attempt FROM bulk.jobs`, [{ attempt: 1 }]);
    t.equal(await endsOf(app, 'import'), endsBefore + 1);
  });
}

t.end();
