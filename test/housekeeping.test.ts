// What outlives its time is removed, and nothing else. The clock is the test's own: nobody waits.
import { randomUUID } from 'node:crypto';
import { readdir, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { FastifyInstance } from 'fastify';
import t, { type Test } from 'tap';
import { buildApp } from '../src/app.ts';
import { loadConfig } from '../src/config.ts';
import { FileStore } from '../src/file-store.ts';
import { removeOrphans } from '../src/housekeeping/remove-orphans.ts';
import { type SweepLimits, sweep } from '../src/housekeeping/sweep.ts';
import { build } from './build.ts';
import { ended, importFile, post, statusOf } from './client.ts';
import { createDatabase } from './databases.ts';
import { environment } from './environment.ts';
import { shiftClock } from './shift-clock.ts';
import { temporaryFolder } from './temporary-folder.ts';

const hour = 3_600_000;
const day = 24 * hour;
const later = (ms: number) => new Date(Date.now() + ms);
const never = new AbortController().signal;

const users = (from: number, to: number) => {
  const lines = Array.from({ length: to - from }, (_, i) => from + i).map(
    (n) => `00000000-0000-4000-8000-${String(n).padStart(12, '0')},u${n}@example.com,U,admin,2024-01-01T00:00:00Z`,
  );
  return ['id,email,name,role,created_at', ...lines, ''].join('\n');
};
const invalid = (records: number) => `id,email,name,role,created_at\n${'1,,,,\n'.repeat(records)}`;

function sweepAt(app: FastifyInstance, now: Date, limits?: SweepLimits, signal = never) {
  const { db, config, storage } = app;
  return sweep({ db, ...storage, ttl: config.ttl, signal }, now, limits);
}

/** An ended export job. */
async function exportUsers(app: FastifyInstance): Promise<string> {
  const { job_id } = (
    await app.inject({ method: 'POST', url: '/v1/exports', payload: { resource: 'users', format: 'csv' } })
  ).json();
  await ended(app, job_id, 'exports');
  return job_id;
}

const status = async (app: FastifyInstance, url: string) => (await app.inject(url)).statusCode;

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await pause(10);
}

async function leftovers({ sql }: FastifyInstance): Promise<Record<string, number>> {
  const [found] = await sql<[Record<string, number>]>`
    SELECT (SELECT count(*) FROM bulk.jobs) AS jobs, (SELECT count(*) FROM bulk.chunks) AS chunks,
      (SELECT count(*) FROM bulk.row_errors) AS row_errors, (SELECT count(*) FROM bulk.idempotency_keys) AS keys`;
  return found;
}

/** A file with these contents as if last written some hours ago. */
async function putFile(folder: string, name: string, hoursOld: number): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, 'x');
  const when = new Date(Date.now() - hoursOld * hour);
  await utimes(path, when, when);
  return name;
}

// Each has services of its own, and waits for them most of the time.
t.jobs = 3;

t.test('retention', async (t) => {
  // Each test leaves it without jobs and keys.
  const app = await build(t, { IMPORT_BATCH_SIZE: '5' });

  await t.test('files, keys and jobs go when their time is up, and not before', async (t) => {
    const { uploadDir, exportDir } = app.config;
    const { job_id: imported } = await importFile(app, {
      resource: 'users',
      name: 'u.csv',
      content: users(0, 5) + '1,,,,\n'.repeat(3),
      headers: { 'idempotency-key': 'k' },
    });
    const exported = await exportUsers(app);
    const download = `/v1/exports/${exported}/download`;

    const nothing = { keys: 0, uploads: 0, exports: 0, row_errors: 0, jobs: 0 };
    t.same(await sweepAt(app, later(23 * hour)), nothing);
    t.equal((await readdir(uploadDir)).length, 1);
    t.equal(await status(app, download), 200);

    t.same(await sweepAt(app, later(25 * hour)), { ...nothing, keys: 1, uploads: 1, exports: 1 });
    t.same(await readdir(uploadDir), []);
    t.same(await readdir(exportDir), []);
    t.match((await app.inject(download)).json(), { status: 410, code: 'export_expired' });
    t.notOk('download_url' in (await app.inject(`/v1/exports/${exported}`)).json());
    t.match(await statusOf(app, imported), { status: 'completed', successful: 5, failed: 3 });
    t.equal((await app.inject(`/v1/imports/${imported}/errors`)).json().errors.length, 15);
    t.same(await sweepAt(app, later(29 * day)), nothing, 'what is swept stays swept');

    t.same(await sweepAt(app, later(31 * day)), { ...nothing, row_errors: 15, jobs: 2 });
    for (const url of [
      `/v1/imports/${imported}`,
      `/v1/imports/${imported}/errors`,
      `/v1/exports/${exported}`,
      download,
    ]) {
      t.equal(await status(app, url), 404, url);
    }
    t.same((await app.inject('/v1/imports')).json(), { imports: [] });
    t.same(await leftovers(app), { jobs: 0, chunks: 0, row_errors: 0, keys: 0 });
    t.equal((await app.sql`SELECT FROM users`).length, 5, 'what was imported stays');
  });

  await t.test('a job that has not ended keeps all it needs, however old it is', async (t) => {
    const session = await app.sql.reserve();
    await session`BEGIN`;
    await session`SET LOCAL idle_in_transaction_session_timeout = 0`;
    await session`LOCK TABLE users IN EXCLUSIVE MODE`;
    const file = { resource: 'users', name: 'u.csv', content: users(10, 15), headers: { 'idempotency-key': 'k' } };
    const { job_id } = (await post(app, file)).json();
    await until(async () => (await statusOf(app, job_id)).status === 'processing');
    const [upload] = await readdir(app.config.uploadDir);
    await utimes(join(app.config.uploadDir, upload!), 0, 0);
    t.match(await sweepAt(app, later(3650 * day)), { uploads: 0, jobs: 0, keys: 1 });
    t.equal(await removeOrphans(app.db, app.storage.uploads, never), 0);
    await session`COMMIT`;
    session.release();
    t.match(await ended(app, job_id), { status: 'completed', successful: 5 });
    t.match(await sweepAt(app, later(31 * day)), { uploads: 1, jobs: 1 }, 'until it has ended');
  });

  await t.test('a key is kept while its request is being received', async (t) => {
    await app.sql`INSERT INTO bulk.idempotency_keys (owner, route, key, lease_until, lease_token, expires_at) VALUES
    ('', 'r', 'slow upload', now() + interval '26 h', gen_random_uuid(), now() + interval '24 h'),
    ('', 'r', 'died', now() + interval '1 min', gen_random_uuid(), now() + interval '24 h')`;
    t.match(await sweepAt(app, later(25 * hour)), { keys: 1 });
    t.same([...(await app.sql`SELECT key FROM bulk.idempotency_keys`)], [{ key: 'slow upload' }]);
    t.match(await sweepAt(app, later(27 * hour)), { keys: 1 });
  });

  await t.test('a run has limited work; the next ones go on, and clients never see half a job', async (t) => {
    const ids: string[] = [];
    for (let n = 0; n < 3; n++) {
      ids.push((await importFile(app, { resource: 'users', name: 'u.csv', content: invalid(20) })).job_id);
    }
    const all = await leftovers(app);
    t.match(all, { jobs: 3, chunks: 12, row_errors: 300 });
    const limits = { jobs: 2, rows: 10, statements: 4 };
    const now = later(31 * day);

    t.match(await sweepAt(app, now, limits), { uploads: 3, row_errors: 40, jobs: 0 });
    t.match(await leftovers(app), { jobs: 3, row_errors: 260 });
    for (const id of ids) {
      t.equal(await status(app, `/v1/imports/${id}`), 404);
      t.equal(await status(app, `/v1/imports/${id}/errors`), 404);
    }
    t.same((await app.inject('/v1/imports')).json().imports, []);

    const interrupted = AbortSignal.abort(new Error('the service is stopping'));
    await t.rejects(sweepAt(app, now, limits, interrupted), { message: 'the service is stopping' });
    for (let run = 0; (await leftovers(app)).jobs! > 0; run++) {
      const swept = await sweepAt(app, now, limits);
      t.ok(swept.row_errors <= 40 && swept.jobs <= 1, `run ${run}`);
      if (run > 50) return t.fail('it does not end');
    }
    t.same(await leftovers(app), { jobs: 0, chunks: 0, row_errors: 0, keys: 0 });
  });

  await t.test('a sweep waits for nobody, and nobody for it', async (t) => {
    const ids: string[] = [];
    for (let n = 0; n < 3; n++) {
      const headers = { 'idempotency-key': `k${n}` };
      ids.push((await importFile(app, { resource: 'users', name: 'u.csv', content: invalid(1), headers })).job_id);
    }
    const now = later(31 * day);
    await app.sql.begin(async (neighbour) => {
      await neighbour`SET LOCAL idle_in_transaction_session_timeout = 0`;
      await neighbour`SELECT FROM bulk.jobs WHERE id = ${ids[1]!} FOR UPDATE`;
      await neighbour`SELECT FROM bulk.idempotency_keys WHERE key = 'k1' FOR UPDATE`;
      t.match(await sweepAt(app, now), { keys: 2, uploads: 2, jobs: 2 }, 'what is locked is passed over');
    });
    t.match(await sweepAt(app, now), { keys: 1, uploads: 1, jobs: 1 }, 'and swept the next time');

    const both = await Promise.all([sweepAt(app, now), sweepAt(app, now)]);
    t.match(both, [{ jobs: 0 }, { jobs: 0 }], 'two at once do no harm');
  });

  await t.test('files of no job are removed, unless they are young, being written, or not ours', async (t) => {
    const folder = app.config.uploadDir;
    const [{ id: origin }] = await app.sql<[{ id: string }]>`SELECT id FROM bulk.installation`;
    const key = () => origin.slice(0, 8) + randomUUID().slice(8);
    await importFile(app, { resource: 'users', name: 'u.csv', content: users(20, 21) });
    const [named] = await readdir(folder);
    t.equal(named?.slice(0, 8), origin.slice(0, 8), 'a file says which database it belongs to');
    await utimes(join(folder, named!), 0, 0);

    const kept = [
      named!,
      await putFile(folder, key(), 0.9),
      await putFile(folder, `${key()}.part`, 0.9),
      await putFile(folder, randomUUID(), 99),
      await putFile(folder, 'notes.txt', 99),
      await putFile(folder, `${key()}.sql`, 99),
    ];
    for (let n = 0; n < 3; n++) {
      await putFile(folder, key(), 1.1);
      await putFile(folder, `${key()}.part`, 1.1);
    }
    t.equal(await removeOrphans(app.db, app.storage.uploads, never), 6);
    t.same((await readdir(folder)).toSorted(), kept.toSorted());
    t.equal(await removeOrphans(app.db, app.storage.uploads, never), 0);
    await t.rejects(removeOrphans(app.db, app.storage.uploads, AbortSignal.abort(new Error('stop'))), {
      message: 'stop',
    });
  });
});

/** A service on a database and folder that outlive it. */
async function restartable(t: Test, env: Record<string, string> = {}) {
  const connection = await createDatabase(t);
  const folder = await temporaryFolder(t);
  return async () => {
    const app = await buildApp(loadConfig({ ...environment(connection, folder), ...env }));
    t.after(async () => await app.close());
    return app;
  };
}

t.test('the queue sweeps at every start and every minute, in one process at a time', async (t) => {
  const start = await restartable(t);
  const first = await start();
  const { job_id } = await importFile(first, { resource: 'users', name: 'u.csv', content: users(0, 1) });
  const folders = [first.config.uploadDir, first.config.exportDir];
  const [{ id: origin }] = await first.sql<[{ id: string }]>`SELECT id FROM bulk.installation`;
  for (const folder of folders) await putFile(folder, `${origin.slice(0, 8)}${randomUUID().slice(8)}.part`, 2);
  await first.sql`UPDATE bulk.jobs SET started_at = now() - interval '26 h', completed_at = now() - interval '25 h'`;
  await until(async () => (await first.sql`SELECT FROM pgboss.job WHERE state < 'completed'`).length === 0);
  await first.close();

  const second = await start();
  for (const folder of folders) await until(async () => (await readdir(folder)).length === 0);
  t.equal((await statusOf(second, job_id)).status, 'completed');
  // Told once the whole run is over.
  const figure = async (line: string) => (await second.telemetry.text()).includes(`\n${line}\n`);
  await until(async () => await figure('bulk_task_runs_total{task="sweep",outcome="succeeded"} 1'));
  await until(async () => await figure('bulk_task_runs_total{task="remove-orphans",outcome="succeeded"} 1'));
  t.ok(await figure('bulk_swept_total{kind="uploads"} 1'));
  t.ok(await figure('bulk_swept_total{kind="orphaned_uploads"} 1'));
  t.ok(await figure('bulk_swept_total{kind="orphaned_exports"} 1'));
  t.match(await second.telemetry.text(), /^bulk_task_last_success_timestamp_seconds\{task="sweep"\} 1\d{9}/m);
  t.same(
    [...(await second.sql`SELECT name, cron FROM pgboss.schedule ORDER BY name`)],
    [
      { name: 'remove-orphans', cron: '17 * * * *' },
      { name: 'sweep', cron: '* * * * *' },
    ],
  );
  // Whatever asks for a sweep while there is one gets none of its own.
  t.same(
    [
      ...(await second.sql`SELECT name, policy FROM pgboss.queue WHERE name IN ('sweep', 'remove-orphans') ORDER BY name`),
    ],
    [
      { name: 'remove-orphans', policy: 'exclusive' },
      { name: 'sweep', policy: 'exclusive' },
    ],
  );
});

t.test('a task whose process died is taken over', async (t) => {
  const start = await restartable(t);
  const first = await start();
  await until(async () => (await first.sql`SELECT FROM pgboss.job WHERE state < 'completed'`).length === 0);
  const [{ id: origin }] = await first.sql<[{ id: string }]>`SELECT id FROM bulk.installation`;
  const folder = first.config.uploadDir;
  await putFile(folder, `${origin.slice(0, 8)}${randomUUID().slice(8)}.part`, 2);
  // As a process leaves it that is killed while it looks for such files.
  await first.sql`
    INSERT INTO pgboss.job (name, policy, state, started_on, heartbeat_on, heartbeat_seconds, retry_limit)
    SELECT name, policy, 'active', now(), now() - interval '5 s', heartbeat_seconds, retry_limit
    FROM pgboss.queue WHERE name = 'remove-orphans'`;
  await first.close();

  await start();
  const startedAt = performance.now();
  await until(async () => (await readdir(folder)).length === 0);
  const seconds = (performance.now() - startedAt) / 1_000;
  t.ok(seconds < 30, `after ${seconds.toFixed(1)} s`);
});

t.test('sample records do not come back once the jobs that loaded them are swept', async (t) => {
  const start = await restartable(t, { SEED: 'on' });
  const first = await start();
  await until(async () => (await first.sql`SELECT FROM bulk.jobs WHERE status = 'completed'`).length === 3);
  t.match(await sweepAt(first, later(31 * day)), { jobs: 3 });
  await first.sql`TRUNCATE users CASCADE`;
  await first.close();
  const second = await start();
  await second.close();
  // A stop waits for the seeding: by the third start the second one would have seeded.
  t.equal((await leftovers(await start())).jobs, 0);
});

// By itself: the clock is that of all.
t.test('a file that grows slowly stays young, whatever the clocks of processes', { buffered: false }, async (t) => {
  const { db } = await build(t);
  const folder = await temporaryFolder(t);
  const store = await FileStore.open(folder, { touchMs: 5 });
  const goOn = Promise.withResolvers<void>();
  const begun = Promise.withResolvers<void>();
  const writing = store.write(
    (async function* () {
      yield Buffer.from('a');
      begun.resolve();
      await goOn.promise;
      yield Buffer.from('b');
    })(),
  );
  await begun.promise;
  const hourAgo = Date.now() - hour;

  await t.test('one that writes it is behind', async (t) => {
    shiftClock(t, -2 * hour);
    const oldest = async () => {
      let oldest = Number.POSITIVE_INFINITY;
      for await (const { modifiedAt } of store.list()) oldest = Math.min(oldest, modifiedAt.getTime());
      return oldest;
    };
    for await (const { key } of store.list()) await utimes(`${join(folder, key)}.part`, 0, 0).catch(() => {});
    await until(async () => (await oldest()) > 0);
    t.ok((await oldest()) > hourAgo);
  });
  await t.test("one that removes nobody's files is ahead", async (t) => {
    const [orphan] = await Promise.all([1.1, 0.9].map((hours) => putFile(folder, randomUUID(), hours)));
    shiftClock(t, 2 * hour);
    t.equal(await removeOrphans(db, store, never), 1);
    t.notOk((await readdir(folder)).includes(orphan!));
  });
  goOn.resolve();
  t.match(await writing, { bytes: 2 });
});
