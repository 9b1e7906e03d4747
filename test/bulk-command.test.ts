// The command `bulk` against the real service. What depends on a process (signals, pipes, a terminal, variables) is tried
// with one; the rest calls the same function in this process.
import { once } from 'node:events';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { PassThrough, Writable } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import t, { type Test } from 'tap';
import { freePort } from '../db/embedded/free-port.ts';
import { followJobs } from '../src/cli/follow-jobs.ts';
import { Interrupted } from '../src/cli/outcome.ts';
import { Output } from '../src/cli/output.ts';
import { runBulk } from '../src/cli/run-bulk.ts';
import { BulkClient, type ImportState } from '../src/client/index.ts';
import { writeRecords } from '../testdata/write-records.ts';
import { build } from './build.ts';
import { listen } from './client.ts';
import { startProxy } from './db/cuttable-proxy.ts';
import { holdJobs } from './hold-jobs.ts';
import { onTerminal, withoutTerminal } from './on-terminal.ts';
import { callCommand as bulk, type RunOptions, runCommand } from './run-command.ts';
import { temporaryFolder } from './temporary-folder.ts';

const faulty = new URL('../testdata/users_huge.csv', import.meta.url).pathname;

const key = '0123456789abcdef';
const app = await build(t, { API_KEYS: `tester:read+write:${key}` });
const url = (await listen(app)).origin;
const folder = await temporaryFolder(t);
process.chdir(folder);
Object.assign(process.env, { BULK_URL: url, BULK_API_KEY: key });

function start(t: Test, args: string[], { env, ...options }: RunOptions = {}) {
  return runCommand(t, args, { cwd: folder, env: { BULK_URL: url, BULK_API_KEY: key, ...env }, ...options });
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
  await writeFile('broken.csv', 'id,email\n');
  const [some, few, broken] = await Promise.all([
    start(t, ['import', faulty, '--fail-over', '50%']).ended,
    bulk(['import', await users('good.csv', 10, 1), '--fail-over=0']),
    bulk(['import', 'broken.csv', '-r', 'users']),
  ]);
  t.equal(some.code, 3);
  t.match(some.stderr, /6767 of 10000 records rejected, more than --fail-over 50% allows/);
  t.match(linesOf(some.stdout)[0], { event: 'accepted', file: 'users_huge.csv', resource: 'users' });
  t.match(linesOf(some.stdout).at(-1), { event: 'end', status: 'completed', successful: 3_233, failed: 6_767 });
  t.equal(few.code, 0, few.stderr);
  t.match(linesOf(few.stdout).at(-1), { status: 'completed', successful: 10 });
  t.equal(broken.code, 2);
  t.match(linesOf(broken.stdout).at(-1), { status: 'failed', failure: { code: 'missing_columns' } });

  const again = await bulk(['import', faulty, '--fail-over', '68%']);
  t.equal(again.code, 0, '67.67 % are rejected');
  t.match(linesOf(again.stdout)[0], { job_id: linesOf(some.stdout)[0]?.job_id, replayed: true });
});

t.test('of several files those that others refer to are sent first; stdin is a file too', async (t) => {
  const files = { 'z.csv': 'users', 'b.ndjson': 'articles', 'a.ndjson.gz': 'comments' } as const;
  for (const [name, resource] of Object.entries(files)) {
    await writeRecords({ resource, records: 20, path: join(folder, name), seed: 2 });
  }
  const { code, stdout, stderr } = await bulk(['import', 'a.ndjson.gz', 'b.ndjson', 'z.csv', '--fail-over', '0']);
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
  const stdin = new PassThrough().end(await readFile(await users('piped.csv', 30, 33)));
  const piped = await bulk(['import', '-', '--resource', 'users', '--format', 'csv'], { stdin });
  t.match(linesOf(piped.stdout).at(-1), { event: 'end', successful: 30, file_name: 'stdin.csv' });

  const endless = new PassThrough();
  endless.write('id,email\n');
  t.match(await bulk(['import', '-', '-r', 'planets', '-f', 'csv'], { stdin: endless }), {
    code: 4,
    stderr: /unknown_resource/,
  });
  t.ok(endless.destroyed, 'what is refused is not waited for');
});

t.test('on a terminal there are bars, then what came of it in words', async (t) => {
  await writeRecords({ resource: 'users', records: 20_000, path: `${folder}/it's.csv.gz`, seed: 1, invalid: 0.1 });
  const asText = await bulk(['import', "it's.csv.gz", '--output', 'text', '--progress']);
  t.match(asText.stderr, /it's\.csv\.gz {2}█+░* +\d+ %/);
  t.match(asText.stdout, /import of users completed/);
  t.match(asText.stdout, /20,000 records: 17,9\d\d loaded, 2,0\d\d rejected \(10\.\d+ %\)/);
  t.match(asText.stdout, /duplicate id/);
  t.match(asText.stdout, /bulk rejects [0-9a-f-]{36} -o 'rejected_it'\\''s\.csv'\n/, 'unpacked, and one word');

  await t.test('a real one', { skip: withoutTerminal }, async (t) => {
    const by = (command: string[]) => onTerminal(command.map((word) => `'${word}'`).join(' ')).flat();
    const { code, stdout } = await start(t, ['import', await users('terminal.csv', 20_000, 44)], { by }).ended;
    t.equal(code, 0);
    t.match(stdout, /terminal\.csv {2}█+/);
    t.match(stdout, /20,000 records: 20,000 loaded, 0 rejected/);
    t.notMatch(stdout, /"event"/);
  });
});

t.test('Ctrl-C leaves the job running and says how to go on; watching goes on after a lost connection', async (t) => {
  const letGo = await holdJobs(t, app);
  const importing = start(t, ['import', await users('held.csv', 10, 5)]);
  await importing.said('"event":"progress"');
  importing.child.kill('SIGINT');
  const { code, stdout, stderr } = await importing.ended;
  const { job_id } = linesOf(stdout)[0] as Line;
  t.equal(code, 130);
  t.match(stderr, `bulk watch ${job_id}`);
  t.match(linesOf((await bulk(['status', job_id])).stdout), [{ status: /pending|processing/ }]);

  const proxy = await startProxy(t, { host: '127.0.0.1', port: Number(new URL(url).port) });
  const watching = start(t, ['watch', job_id, '--url', `127.0.0.1:${proxy.connection.port}`]);
  await watching.said('"event":"progress"');
  proxy.cut();
  await watching.said('the job goes on, trying again');
  await letGo();
  const watched = await watching.ended;
  t.equal(watched.code, 0, watched.stderr);
  t.match(linesOf(watched.stdout).at(-1), { event: 'end', status: 'completed', successful: 10 });
});

t.test('Ctrl-C ends an export whose output nobody reads', async (t) => {
  const endless = createServer((_request, response) => {
    const go = () => response.write('x'.repeat(65_536), (error) => error ?? setImmediate(go));
    go();
  }).listen(0, '127.0.0.1');
  await once(endless, 'listening');
  t.after(() => {
    endless.closeAllConnections();
    endless.close();
  });
  const { port } = endless.address() as AddressInfo;
  const stop = new AbortController();
  const stdout = new PassThrough();
  const surroundings = { stdin: () => stdout, stdout, stderr: new PassThrough().resume(), signal: stop.signal };
  const exporting = runBulk(['export', 'users', '--url', `127.0.0.1:${port}`], surroundings);
  while (stdout.writableLength === 0) await pause(5);
  stop.abort(new Interrupted('SIGINT'));
  t.equal(await Promise.race([exporting, pause(5_000, 'goes on')]), 130);

  const stopLast = new AbortController();
  const stuck = new Writable({ write: () => void setTimeout(() => stopLast.abort(new Interrupted('SIGINT')), 50) });
  const listing = runBulk(['resources'], { ...surroundings, stdout: stuck, signal: stopLast.signal });
  t.equal(await Promise.race([listing, pause(5_000, 'goes on')]), 130, 'nor is the last of it waited for');
});

t.test('watching several jobs ends when it cannot go on for one of them', async (t) => {
  const letGo = await holdJobs(t, app);
  const ids: string[] = [];
  for (const [seed, name] of ['one.csv', 'two.csv'].entries()) {
    const { stdout } = await bulk(['import', await users(name, 10, 50 + seed), '--no-watch']);
    ids.push((linesOf(stdout)[0] as Line).job_id);
  }
  let watched: AbortSignal | null | undefined;
  const client = new BulkClient({
    baseUrl: url,
    apiKey: key,
    fetch: async (input, init) => {
      if (String(input).includes(ids[0]!)) {
        while (!watched) await pause(5);
        return Response.json({ code: 'unauthorized' }, { status: 401 });
      }
      watched = init?.signal;
      return await fetch(input, init);
    },
  });
  const stdout = new PassThrough().resume();
  const output = new Output({ json: true, bars: false, stdout, stderr: stdout });
  const context = { client, output, stdin: () => stdout, signal: new AbortController().signal };
  const jobs = ids.map((jobId) => ({ jobId, type: 'import', label: 'x' }) as const);
  await t.rejects(followJobs(context, jobs), { code: 'unauthorized' });
  t.equal(watched?.aborted, true, 'nothing keeps the process');
  await letGo();
});

t.test('a job can be sent and left, shown, listed and cancelled', async (t) => {
  const letGo = await holdJobs(t, app);
  const sent = await bulk(['import', await users('left.csv', 10, 6), '--no-watch']);
  t.equal(sent.code, 0);
  const { job_id } = linesOf(sent.stdout)[0] as Line;
  t.match(linesOf((await bulk(['status', job_id])).stdout), [{ job_id, file_name: 'left.csv' }]);
  t.match(linesOf((await bulk(['list', '-n', '1'])).stdout), [{ job_id }]);
  t.match((await bulk(['list', '--output', 'text'])).stdout, new RegExp(`${job_id} +users +p\\w+ .* left.csv\n`));
  t.match(linesOf((await bulk(['cancel', job_id])).stdout), [{ status: 'cancelled' }]);
  await letGo();
  t.equal((await bulk(['watch', job_id])).code, 2);
});

t.test('errors and rejected records are had, mended, and imported', async (t) => {
  const text = await readFile(await users('mend.csv', 3, 7), 'utf8');
  await writeFile('mend.csv', text.replace(/,(admin|editor|viewer),/, ',boss,'));
  const { stdout } = await bulk(['import', 'mend.csv']);
  const { job_id } = linesOf(stdout)[0] as Line;
  t.match(linesOf((await bulk(['errors', job_id])).stdout), [{ line: 2, field: 'role', value: 'boss' }]);
  const groups = await bulk(['errors', job_id, '--groups', '--output', 'text']);
  t.match(groups.stdout, /errors +field +message +in lines\n +1 +role +invalid role/);
  t.equal((await bulk(['errors', job_id, '--to', 'report.csv'])).code, 0);
  t.match(await readFile('report.csv', 'utf8'), /2,role,"invalid role/);
  t.equal((await bulk(['errors', job_id, '-o', 'REPORT.CSV.GZ'])).code, 0);
  t.equal(gunzipSync(await readFile('REPORT.CSV.GZ')).toString(), await readFile('report.csv', 'utf8'));
  for (const flag of ['--to=groups.csv', '--format=csv'])
    t.match(await bulk(['errors', job_id, '-g', flag]), { code: 1, stdout: '', stderr: /--groups/ }, flag);
  const rejects = await bulk(['rejects', job_id, '-o', 'rejected.csv']);
  t.equal(rejects.code, 0, rejects.stderr);
  const rejected = await readFile('rejected.csv', 'utf8');
  t.equal((await bulk(['rejects', job_id, '-o', 'rejected.csv.gz'])).code, 0);
  t.equal(gunzipSync(await readFile('rejected.csv.gz')).toString(), rejected);
  t.equal(rejected.split('\n').length, 3);
  await writeFile('rejected.csv', rejected.replace('boss', 'admin'));
  t.match(linesOf((await bulk(['import', 'rejected.csv'])).stdout).at(-1), { successful: 1, failed: 0 });

  await writeFile('lines.json', '{}\nno json\n');
  const lines = await bulk(['import', 'lines.json', '-r', 'users', '--output', 'text']);
  const [, ...args] = /bulk (rejects) (\S+) (-o) (rejected_lines\.ndjson)\n/.exec(lines.stdout) ?? [];
  t.equal((await bulk(args)).code, 0, lines.stdout);
  const sentAgain = await bulk(['import', 'rejected_lines.ndjson', '-r', 'users']);
  t.match(linesOf(sentAgain.stdout).at(-1), { status: 'completed', failed: 2 });
  const [{ file }] = await app.sql<[{ file: string }]>`SELECT file FROM bulk.jobs WHERE id = ${args[1]!}`;
  await app.storage.uploads.remove(file);
  const swept = await bulk(['status', args[1]!, '--output', 'text']);
  t.match(swept, { code: 0, stdout: /bulk errors / });
  t.notMatch(swept.stdout, /bulk rejects/);
});

t.test('an export is a whole file, or none; who stops reading stops it', async (t) => {
  const [printed, saved, wrong, job] = await Promise.all([
    bulk(['export', 'users', '--where', 'role=admin', '--fields', 'id,role', '--format', 'csv']),
    bulk(['export', 'users', '-o', 'users.json']),
    bulk(['export', 'users', '-o', 'none.csv', '--where', 'planet=mars']),
    bulk([
      ...['export', 'users', '-o', 'job.csv.gz', '--job', '--sort=-created_at'],
      ...['--where', 'created_at[gte]=2024-01-01T00:00:00Z', '--where', 'role[in]=admin,editor'],
    ]),
  ]);
  t.match(printed.stdout, /^id,role\n[0-9a-f-]{36},admin\n/);
  t.equal(saved.code, 0, saved.stderr);
  t.ok(JSON.parse(await readFile('users.json', 'utf8')).length > 1000);
  t.equal(wrong.code, 4);
  t.match(wrong.stderr, /unknown_field/);
  t.equal(job.code, 0, job.stderr);
  t.match(linesOf(job.stdout).at(-1), { event: 'saved', file: 'job.csv.gz', sha256: /^[0-9a-f]{64}$/ });
  const names = await readdir('.');
  t.ok(names.includes('job.csv.gz') && !names.includes('none.csv'));
  t.same(
    names.filter((name) => name.includes('.part')),
    [],
  );
  t.match(linesOf((await bulk(['list', '--exports', '--resource', 'users'])).stdout), [{ type: 'export' }]);

  const reading = start(t, ['export', 'users']);
  reading.child.stdout?.once('data', () => reading.child.stdout?.destroy());
  t.match(await reading.ended, { code: 141, stderr: '' });
});

t.test('what cannot be written to a file is an error, however much of it can', async (t) => {
  await bulk(['import', await users('many.csv', 2_000, 71)]);
  // A block is 1 KiB or half of it: the disk is full in the middle of the last that is written, or long before.
  const limited = (command: string[]) => ['sh', '-c', 'ulimit -f 1; exec "$@" > full.csv', 'sh', ...command];
  for (const records of ['40', '1000']) {
    const args = ['export', 'users', '--fields', 'id', '--format', 'csv', '--limit', records];
    t.match(await start(t, args, { by: limited }).ended, { code: 1, stderr: /EFBIG/ }, records);
  }
  const appended = (command: string[]) => ['sh', '-c', 'echo first > all.csv; exec "$@" >> all.csv', 'sh', ...command];
  const args = ['export', 'users', '--fields', 'id', '--format', 'csv', '--limit', '1000'];
  t.equal((await start(t, args, { by: appended }).ended).code, 0);
  const lines = (await readFile('all.csv', 'utf8')).split('\n');
  t.same([lines.slice(0, 2), lines.length], [['first', 'id'], 1_003]);
});

t.test("an answer that is cut short, or not the service's, is told as that", async (t) => {
  const line = '{"line":1,"record":1,"code":"csv","message":"m"}\n';
  let answer = '';
  const proxy = createServer((_request, response) => response.end(answer)).listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  t.after(() => proxy.close());
  const service = `127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  for (answer of [line + line.slice(0, 20), '<html>Sign in</html>']) {
    for (const args of [['errors', crypto.randomUUID()], ['list']]) {
      t.match(
        await bulk([...args, '--url', service]),
        { code: 4, stderr: /"the answer.* broke off, or is not the service's: / },
        args.join(' '),
      );
    }
  }
});

t.test('what cannot be done is said in one line', async (t) => {
  const port = await freePort();
  const refused = await bulk(['list', '--output', 'text', '--url', `127.0.0.1:${port}`]);
  t.equal(refused.code, 4);
  t.match(
    refused.stderr,
    new RegExp(`^no answer from http://127.0.0.1:${port}: connect ECONNREFUSED .*is it running.*\n$`),
  );
  const wrong: [args: string[], code: number, stderr: RegExp][] = [
    [['import', 'nowhere.csv'], 1, /^{"event":"error".*nowhere\.csv/],
    [['import', '.'], 1, /\. is a folder/],
    [['import', '/dev/null'], 1, /\/dev\/null is no ordinary file; pipe it in/],
    [['import', '-'], 1, /stdin needs --resource/],
    [['export', 'users', '--where', 'role=admin', '--where', 'role=editor'], 1, /role twice/],
    [['export', 'users', '-o', 'nowhere/users.csv'], 1, /nowhere/],
    [['import', 'good.csv', '--no-watch', '--fail-over', '1'], 1, /--no-watch does not wait/],
    [['import', 'contacts.txt', '-r', 'users'], 1, /give --format/],
    [['import', '-', '-r', 'users', '--name', 'contacts'], 1, /give --format/],
    [['status', crypto.randomUUID()], 4, /job_not_found.*"there is no job /],
    [['imprt', 'x'], 1, /Did you mean import/],
  ];
  await writeFile('contacts.txt', 'id,email\n');
  const fromFolder = (command: string[]) => ['sh', '-c', 'exec "$@" < .', 'sh', ...command];
  t.match(await start(t, ['import', '-', '-r', 'users', '-f', 'csv'], { by: fromFolder }).ended, {
    ...{ code: 1, stderr: /stdin is a folder/ },
  });
  for (const [args, code, stderr] of wrong) t.match(await bulk(args), { code, stdout: '', stderr }, args.join(' '));
  const help = await bulk(['--help']);
  t.equal(help.code, 0);
  t.match(help.stdout, /Exit codes:\n {2}0 {2}done/);
});

t.test('sample records are those of the generator', async (t) => {
  const made = await bulk(['generate', 'users', '1_000', 'made.csv', '--seed', '9', '--invalid', '5%']);
  t.match(linesOf(made.stdout), [{ file: 'made.csv', valid: 950, invalid: 50 }]);
  const path = join(folder, 'same.csv');
  await writeRecords({ resource: 'users', records: 1_000, path, seed: 9, invalid: 0.05 });
  t.same(await readFile('made.csv'), await readFile(path));
  t.match(await bulk(['generate', 'users', '1', 'made.csv']), { code: 1, stderr: /--force/ });

  const stop = new AbortController();
  const long = bulk(['generate', 'users', '1_000_000_000', 'long.csv'], { signal: stop.signal });
  while (!(await readdir('.')).some((name) => name.includes('long'))) await pause(5);
  stop.abort(new Interrupted('SIGINT'));
  t.match(await long, { code: 130, stdout: '', stderr: '' });
  t.same(
    (await readdir('.')).filter((name) => name.includes('long')),
    [],
    'nothing of it is left',
  );
});

t.test('a key that is missing, wrong, or cannot be sent is said, and not shown', async (t) => {
  const { code, stdout } = await bulk(['resources']);
  t.equal(code, 0);
  t.match(linesOf(stdout)[0], { name: 'users', fields: [{ name: 'id', type: 'uuid' }] });
  for (const wrong of ['', 'fedcba9876543210']) {
    const answer = { code: 4, stderr: /set BULK_API_KEY \(unauthorized, request / };
    t.match(await bulk(['resources', '--key', wrong, '--output', 'text']), answer);
  }
  const unsendable = await bulk(['resources', '--key', 'secret\nkey']);
  t.match(unsendable, { code: 1, stderr: /the API key has a character/ });
  t.notMatch(unsendable.stderr, /secret/);
});

t.end();
