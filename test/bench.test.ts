import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { promisify } from 'node:util';
import t, { type Test } from 'tap';
import type { Comparison } from '../bench/benchmark.ts';
import { benchmarks } from '../bench/benchmarks/index.ts';
import { readCommand } from '../bench/command-line.ts';
import { conclude } from '../bench/result.ts';
import { percentile, summarise } from '../bench/statistics.ts';
import { steadyLoad } from '../bench/steady-load.ts';
import { type Connection, openPool } from '../db/client.ts';
import { createDatabase } from './databases.ts';
import { plainNode } from './plain-node.ts';
import { temporaryFolder } from './temporary-folder.ts';

const program = join(import.meta.dirname, '../bench/run.ts');

function urlOf({ host, port, user, password, database }: Connection): string {
  return `postgres://${user}:${encodeURIComponent(password)}@${host}:${port}/${database}?sslmode=disable`;
}

/** A server to measure on, as somebody who may make databases there and nothing more. */
async function createMeasurer(t: Test) {
  const owner = await createDatabase(t);
  const sql = openPool(owner, { max: 1, name: 'bulk tests' });
  const role = { user: `bench_${randomUUID().slice(0, 8)}`, password: 'measure' };
  t.after(async () => {
    await sql.unsafe(`DROP ROLE ${role.user}`);
    await sql.end({ timeout: 5 });
  });
  await sql.unsafe(`CREATE ROLE ${role.user} LOGIN CREATEDB PASSWORD '${role.password}'`);
  const findDatabases = async () => await sql`SELECT datname FROM pg_database WHERE datdba = ${role.user}::regrole`;
  return { connection: { ...owner, ...role }, findDatabases };
}

interface Run {
  stdout: string;
  stderr: string;
  code: number;
}

async function bench(args: string[], env: NodeJS.ProcessEnv = process.env): Promise<Run> {
  const run = promisify(execFile)(...plainNode([program, ...args]), { env });
  return await run.then(
    (said) => ({ ...said, code: 0 }),
    (error: Run) => error,
  );
}

/** The results that were written, by the benchmark's name. */
async function resultsIn(folder: string) {
  const files = await readdir(folder);
  const results = await Promise.all(files.map(async (file) => JSON.parse(await readFile(join(folder, file), 'utf8'))));
  return Object.fromEntries(results.map((result) => [result.name, result]));
}

function checkFigures(t: Test, sample: { value: number; details?: Record<string, number> }) {
  t.ok(sample.value > 0 && sample.value < 100, 'seconds');
  for (const [name, value] of Object.entries(sample.details ?? {})) t.ok(value >= 0, name);
}

t.test('benchmarks measure against their baselines; one that fails does not keep the others from it', async (t) => {
  const { connection, findDatabases } = await createMeasurer(t);
  const results = await temporaryFolder(t);
  const names = ['import-users-csv', 'export-users-csv', 'parse-comments'];
  const options = ['--quick', '--rows', '3000', '--database-url', urlOf(connection), '--results', results];
  // Without a PATH there is no psql: the baseline is the bench's own.
  const env = { ...process.env, PATH: '', IMPORT_CONNECTIONS: '3' };
  const run = await bench(['import-comments-triggers', ...names, ...options], env);
  t.equal(run.code, 1, run.stderr);
  t.match(run.stderr, /import-comments-triggers failed: permission denied to create role/);

  const found = await resultsIn(results);
  t.same(Object.keys(found).sort(), names.toSorted());
  for (const name of names) {
    const { machine, versions, settings, comparisons } = found[name];
    t.match(machine, { cpu: String, cores: Number, memory_gb: Number });
    t.match(versions, { node: process.versions.node, postgresql: /^\d+/, baseline: /^copy-program/ });
    t.match(settings, { records: 3000, rounds: 1, quick: true, server: 'external', import: { connections: 3 } });
    const [{ rounds, ratio }] = comparisons;
    t.equal(rounds.length, 1);
    for (const side of ['subject', 'baseline']) checkFigures(t, rounds[0][side]);
    t.equal(ratio.median, rounds[0].subject.value / rounds[0].baseline.value);
    t.match(run.stdout, name, 'it is in the table');
  }
  t.match(found['import-users-csv'].comparisons[0].rounds[0].subject.details, {
    upload_s: Number,
    load_s: Number,
    rows_per_s: Number,
  });
  t.match(run.stdout, /≤ 0\.9 +(reached|missed)/);
  t.same(await findDatabases(), [], 'nothing is left on the server');
});

t.test('a result is the median of the rounds, its ratio that of the pairs, and it is reached or missed', (t) => {
  const sample = (value: number) => ({ value, details: { upload_s: value / 10 } });
  const comparison = (subject: number[], baseline: number[]): Comparison => ({
    subject: 'this',
    baseline: 'that',
    unit: 's',
    rounds: subject.map((value, round) => ({ subject: sample(value), baseline: sample(baseline[round]!) })),
  });
  // The machine was slow in the second round, for both.
  const result = conclude({ reach: { ratio: 0.8 } }, comparison([6, 14, 9], [10, 20, 10]));
  t.match(result, { reached: true, value: { median: 9, min: 6, max: 14 }, baseline_value: { median: 10 } });
  t.match(result.ratio, { median: 0.7, min: 0.6, max: 0.9 });
  t.same(result.details.subject, { upload_s: 0.9 });
  t.equal(conclude({ reach: { ratio: 0.69 } }, comparison([6, 14, 9], [10, 20, 10])).reached, false);
  t.equal(conclude({ reach: { ratio: 0.8, value: 8 } }, comparison([6, 14, 9], [10, 20, 10])).reached, false);
  t.equal(conclude({ reach: {} }, comparison([1, 2], [1, 1])).reached, null);
  t.equal(summarise([4, 1, 3, 2]).median, 2.5);
  const hundred = Array.from({ length: 100 }, (_, n) => n + 1);
  t.same([percentile(hundred, 0.99), percentile(hundred, 1), percentile([7], 0.99)], [99, 100, 7]);
  t.end();
});

t.test('the latency of a server that stalls is counted from when each question was due', async (t) => {
  const stall = wait(100);
  const latencies = await steadyLoad(async () => await stall, 10, wait(60));
  t.ok(latencies.length > 1);
  t.ok(latencies[0]! > latencies.at(-1)!, 'those who came first waited longest');
});

t.test('the command line says what it takes', async (t) => {
  const help = await bench(['--help']);
  t.equal(help.code, 0);
  for (const text of ['import-users-csv', 'ten-million', '--rows', '--database-url']) t.match(help.stdout, text);
  const wrong = await bench(['nonsense']);
  t.match(wrong, { code: 1, stdout: '', stderr: /^there is no benchmark nonsense; --help lists them\n$/ });
  for (const args of [['--rows', 'many'], ['--rounds', '0'], ['--fast']]) t.throws(() => readCommand(args, benchmarks));
  t.match(readCommand(['--rows', '2_000_000'], benchmarks), { records: 2_000_000, rounds: 3 });
  const all = readCommand([], benchmarks)!.benchmarks.map(({ name }) => name);
  t.equal(all.length, benchmarks.length - 1);
  t.notOk(all.includes('ten-million'), 'the longest runs only when it is named');
});
