// The command `bulk` as a process of its own, against the real service.
import { existsSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { freePort } from '../db/embedded/free-port.ts';
import type { ImportState } from '../src/client/index.ts';
import { writeRecords } from '../testdata/write-records.ts';
import { build, temporaryFolder } from './build.ts';
import { listen, statusOf } from './client.ts';
import { startProxy } from './db/cuttable-proxy.ts';
import { holdJobs } from './hold-jobs.ts';
import { type RunOptions, runCommand } from './run-command.ts';

const faulty = new URL('../testdata/users_huge.csv', import.meta.url).pathname;
const script = '/usr/bin/script';

const app = await build(t);
const url = (await listen(app)).origin;
const folder = await temporaryFolder(t);

async function bulk(t: Test, args: string[], { env, ...options }: RunOptions = {}) {
  return await runCommand(t, args, { cwd: folder, env: { BULK_URL: url, ...env }, ...options }).ended;
}

type Line = { event: string; file: string; job_id: string } & ImportState;

function linesOf(stdout: string): Line[] {
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
}

async function users(name: string, records: number, seed: number): Promise<string> {
  await writeRecords({ resource: 'users', records, path: join(folder, name), seed });
  return name;
}

t.test('an import is told in JSON lines, and its end in the exit code', async (t) => {
  const [some, few, broken] = await Promise.all([
    bulk(t, ['import', faulty, '--fail-over', '50%']),
    bulk(t, ['import', await users('good.csv', 10, 1), '--fail-over=0']),
    writeFile(join(folder, 'broken.csv'), 'id,email\n').then(() => bulk(t, ['import', 'broken.csv', '-r', 'users'])),
  ]);
  t.equal(some.code, 3);
  t.match(some.stderr, /6767 of 10000 records rejected, more than --fail-over 50% allows/);
  t.match(linesOf(some.stdout)[0], { event: 'accepted', file: 'users_huge.csv', resource: 'users' });
  t.match(linesOf(some.stdout).at(-1), { event: 'end', status: 'completed', successful: 3_233, failed: 6_767 });
  t.equal(few.code, 0, few.stderr);
  t.match(linesOf(few.stdout).at(-1), { status: 'completed', successful: 10 });
  t.equal(broken.code, 2);
  t.match(linesOf(broken.stdout).at(-1), { status: 'failed', failure: { code: 'missing_columns' } });
});

t.test('of several files those that others refer to are sent first; stdin is a file too', async (t) => {
  const files = { 'z.csv': 'users', 'b.ndjson': 'articles', 'a.ndjson.gz': 'comments' } as const;
  for (const [name, resource] of Object.entries(files)) {
    await writeRecords({ resource, records: 20, path: join(folder, name), seed: 2 });
  }
  const { code, stdout, stderr } = await bulk(t, ['import', 'a.ndjson.gz', 'b.ndjson', 'z.csv', '--fail-over', '0']);
  t.equal(code, 0, stderr);
  const lines = linesOf(stdout);
  t.same(
    lines.filter(({ event }) => event === 'accepted').map(({ resource }) => resource),
    ['users', 'articles', 'comments'],
  );
  t.same(
    lines.filter(({ event }) => event === 'end').map(({ successful }) => successful),
    [20, 20, 20],
  );
  const input = await readFile(join(folder, await users('piped.csv', 30, 33)), 'utf8');
  const piped = await bulk(t, ['import', '-', '--resource', 'users', '--format', 'csv'], { input });
  t.match(linesOf(piped.stdout).at(-1), { event: 'end', successful: 30, file_name: 'stdin.csv' });
});

t.test('on a terminal there are bars, then what came of it in words', async (t) => {
  const asText = await bulk(t, ['import', faulty, '--again', '--output', 'text', '--progress']);
  t.match(asText.stderr, /users_huge\.csv {2}█+░* +\d+ %/);
  t.match(asText.stdout, /import of users completed/);
  t.match(asText.stdout, /10,000 records: 0 loaded, 10,000 rejected \(100 %\)/);
  t.match(asText.stdout, /duplicate email/);
  t.match(asText.stdout, /bulk rejects [0-9a-f-]{36} -o rejected_users_huge\.csv/);

  await t.test('a real one', { skip: !existsSync(script) && `${script} is not there` }, async (t) => {
    const by = (command: string[]) => [script, '-qec', command.map((word) => `'${word}'`).join(' '), '/dev/null'];
    const { code, stdout } = await bulk(t, ['import', await users('terminal.csv', 100_000, 44)], { by });
    t.equal(code, 0);
    t.match(stdout, /terminal\.csv {2}█+/);
    t.match(stdout, /100,000 records: 100,000 loaded, 0 rejected/);
    t.notMatch(stdout, /"event"/);
  });
});

t.test('Ctrl-C leaves the job running and says how to go on; watching goes on after a lost connection', async (t) => {
  const letGo = await holdJobs(t, app);
  const importing = runCommand(t, ['import', join(folder, await users('held.csv', 10, 5))], { env: { BULK_URL: url } });
  await importing.said('"event":"progress"');
  importing.child.kill('SIGINT');
  const { code, stdout, stderr } = await importing.ended;
  const { job_id } = linesOf(stdout)[0] as Line;
  t.equal(code, 130);
  t.match(stderr, `bulk watch ${job_id}`);
  t.not((await statusOf(app, job_id)).status, 'cancelled');

  const proxy = await startProxy(t, { host: '127.0.0.1', port: Number(new URL(url).port) });
  const watching = runCommand(t, ['watch', job_id, '--url', `127.0.0.1:${proxy.connection.port}`]);
  await watching.said('"event":"progress"');
  proxy.cut();
  await watching.said('the job goes on, trying again');
  await letGo();
  const watched = await watching.ended;
  t.equal(watched.code, 0, watched.stderr);
  t.match(linesOf(watched.stdout).at(-1), { event: 'end', status: 'completed', successful: 10 });
});

t.test('a job can be sent and left, shown, listed and cancelled', async (t) => {
  const letGo = await holdJobs(t, app);
  const sent = await bulk(t, ['import', await users('left.csv', 10, 6), '--no-watch']);
  t.equal(sent.code, 0);
  const { job_id } = linesOf(sent.stdout)[0] as Line;
  const [status, list] = await Promise.all([bulk(t, ['status', job_id]), bulk(t, ['list', '-n', '1'])]);
  t.match(linesOf(status.stdout), [{ job_id, file_name: 'left.csv' }]);
  t.match(linesOf(list.stdout), [{ job_id }]);
  t.match(linesOf((await bulk(t, ['cancel', job_id])).stdout), [{ status: 'cancelled' }]);
  await letGo();
  t.equal((await bulk(t, ['watch', job_id])).code, 2);
});

t.test('errors and rejected records are had, mended, and imported', async (t) => {
  const text = await readFile(join(folder, await users('mend.csv', 3, 7)), 'utf8');
  await writeFile(join(folder, 'mend.csv'), text.replace(/,(admin|editor|viewer),/, ',boss,'));
  const { stdout } = await bulk(t, ['import', 'mend.csv']);
  const { job_id } = linesOf(stdout)[0] as Line;
  const [errors, groups, table, rejects] = await Promise.all([
    bulk(t, ['errors', job_id]),
    bulk(t, ['errors', job_id, '--groups', '--output', 'text']),
    bulk(t, ['errors', job_id, '--to', 'report.csv']),
    bulk(t, ['rejects', job_id, '-o', 'rejected.csv']),
  ]);
  t.match(linesOf(errors.stdout), [{ line: 2, field: 'role', value: 'boss' }]);
  t.match(groups.stdout, /errors +field +message +in lines\n +1 +role +invalid role/);
  t.equal(table.code, 0);
  t.match(await readFile(join(folder, 'report.csv'), 'utf8'), /2,role,"invalid role/);
  t.equal(rejects.code, 0, rejects.stderr);
  const rejected = await readFile(join(folder, 'rejected.csv'), 'utf8');
  t.equal(rejected.split('\n').length, 3);
  await writeFile(join(folder, 'rejected.csv'), rejected.replace('boss', 'admin'));
  t.match(linesOf((await bulk(t, ['import', 'rejected.csv'])).stdout).at(-1), { successful: 1, failed: 0 });
});

t.test('an export is a whole file, or none; who stops reading stops it', async (t) => {
  const [printed, saved, wrong, job] = await Promise.all([
    bulk(t, ['export', 'users', '--where', 'role=admin', '--fields', 'id,role', '--format', 'csv']),
    bulk(t, ['export', 'users', '-o', 'users.json']),
    bulk(t, ['export', 'users', '-o', 'none.csv', '--where', 'planet=mars']),
    bulk(t, ['export', 'users', '-o', 'job.csv.gz', '--job', '--sort=-created_at']),
  ]);
  t.match(printed.stdout, /^id,role\n[0-9a-f-]{36},admin\n/);
  t.equal(saved.code, 0, saved.stderr);
  t.ok(JSON.parse(await readFile(join(folder, 'users.json'), 'utf8')).length > 1000);
  t.equal(wrong.code, 4);
  t.match(wrong.stderr, /unknown_field/);
  t.equal(job.code, 0, job.stderr);
  t.match(linesOf(job.stdout).at(-1), { event: 'saved', file: 'job.csv.gz', sha256: /^[0-9a-f]{64}$/ });
  const names = await readdir(folder);
  t.ok(names.includes('job.csv.gz') && !names.includes('none.csv'));
  t.same(
    names.filter((name) => name.includes('.part')),
    [],
  );

  const reading = runCommand(t, ['export', 'users'], { env: { BULK_URL: url } });
  reading.child.stdout?.once('data', () => reading.child.stdout?.destroy());
  t.match(await reading.ended, { code: 141, stderr: '' });
});

t.test('what cannot be done is said in one line', async (t) => {
  const port = await freePort();
  const away = { BULK_URL: `127.0.0.1:${port}` };
  const [refused, missing, unknown, noKey, noWord, help] = await Promise.all([
    bulk(t, ['list', '--output', 'text'], { env: away }),
    bulk(t, ['import', 'nowhere.csv']),
    bulk(t, ['status', crypto.randomUUID()]),
    bulk(t, ['import', '-']),
    bulk(t, ['imprt', 'x']),
    bulk(t, ['--help']),
  ]);
  t.equal(refused.code, 4);
  t.match(
    refused.stderr,
    new RegExp(`^no answer from http://127.0.0.1:${port}: connect ECONNREFUSED .*is it running.*\n$`),
  );
  t.equal(missing.code, 1);
  t.match(missing.stderr, /nowhere\.csv/);
  t.match(unknown, { code: 4, stderr: /job_not_found/ });
  t.match(noKey, { code: 1, stderr: /stdin needs --resource/ });
  t.match(noWord, { code: 1, stderr: /Did you mean import/ });
  t.equal(help.code, 0);
  t.match(help.stdout, /Exit codes:\n {2}0 {2}done/);
});

t.test('sample records are those of the generator', async (t) => {
  const made = await bulk(t, ['generate', 'users', '1_000', 'made.csv', '--seed', '9', '--invalid', '5%']);
  t.match(linesOf(made.stdout), [{ file: 'made.csv', valid: 950, invalid: 50 }]);
  const path = join(folder, 'same.csv');
  await writeRecords({ resource: 'users', records: 1_000, path, seed: 9, invalid: 0.05 });
  t.same(await readFile(join(folder, 'made.csv')), await readFile(path));
  t.match(await bulk(t, ['generate', 'users', '1', 'made.csv']), { code: 1, stderr: /--force/ });
});

t.test('an API key comes from the environment', async (t) => {
  const key = '0123456789abcdef';
  const keyed = await build(t, { API_KEYS: `tester:read:${key}` });
  const BULK_URL = (await listen(keyed)).origin;
  t.match(await bulk(t, ['resources'], { env: { BULK_URL } }), { code: 4, stderr: /unauthorized/ });
  const { code, stdout } = await bulk(t, ['resources'], { env: { BULK_URL, BULK_API_KEY: key } });
  t.equal(code, 0);
  t.match(linesOf(stdout)[0], { name: 'users', fields: [{ name: 'id', type: 'uuid' }] });
});

t.end();
