import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t, { type Test } from 'tap';
import { type Connection, openPool } from '../db/client.ts';
import { temporaryFolder } from './build.ts';
import { createDatabase } from './databases.ts';

const program = join(import.meta.dirname, '../bench/run.ts');

function urlOf({ host, port, user, password, database }: Connection): string {
  return `postgres://${user}:${encodeURIComponent(password)}@${host}:${port}/${database}?sslmode=disable`;
}

/** Databases that benchmarks have made. */
async function databasesOf(connection: Connection): Promise<string[]> {
  const sql = openPool(connection, { max: 1, name: 'bulk tests' });
  try {
    const rows = await sql<{ datname: string }[]>`SELECT datname FROM pg_database WHERE datname LIKE 'bulk_bench_%'`;
    return rows.map(({ datname }) => datname);
  } finally {
    await sql.end({ timeout: 5 });
  }
}

interface Run {
  stdout: string;
  stderr: string;
  code: number;
}

async function bench(args: string[], env: NodeJS.ProcessEnv = process.env): Promise<Run> {
  const run = promisify(execFile)(process.execPath, [program, ...args], { env });
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

t.test(
  'benchmarks measure imports and exports against COPY; one that fails does not keep the others from it',
  async (t) => {
    const connection = await createDatabase(t);
    const results = await temporaryFolder(t);
    const names = ['import-articles-ndjson', 'export-users-csv'];
    const options = ['--quick', '--rows', '3000', '--database-url', urlOf(connection), '--results', results];
    // Without a PATH there is no psql: the baseline is the bench's own. No row error is allowed: imports with one fail.
    const env = { ...process.env, PATH: '', IMPORT_CONNECTIONS: '3', MAX_ROW_ERRORS: '0' };
    const run = await bench(['import-users-invalid', ...names, ...options], env);
    t.equal(run.code, 1, run.stderr);
    t.match(run.stderr, /import-users-invalid failed: import failed: more than 0 row errors/);

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
    t.match(found['import-articles-ndjson'].comparisons[0].rounds[0].subject.details, {
      upload_s: Number,
      load_s: Number,
      rows_per_s: Number,
    });
    t.match(run.stdout, /≤ 0\.8 +(reached|missed)/);
    t.same(await databasesOf(connection), [], 'nothing is left on the server');
  },
);

t.test('what one thread parses is compared with the parser alone', async (t) => {
  const connection = await createDatabase(t);
  const results = await temporaryFolder(t);
  const names = ['parse-users', 'parse-comments'];
  const options = ['--rows', '3000', '--rounds', '3', '--database-url', urlOf(connection), '--results', results];
  const run = await bench([...names, ...options]);
  t.equal(run.code, 0, run.stderr);
  const found = await resultsIn(results);
  for (const name of names) {
    const [{ rounds, value, ratio }] = found[name].comparisons;
    t.equal(rounds.length, 3);
    for (const { subject, baseline } of rounds) for (const side of [subject, baseline]) checkFigures(t, side);
    t.ok(value.min <= value.median && value.median <= value.max);
    t.ok(ratio.min <= ratio.median && ratio.median <= ratio.max);
  }
});

t.test('the command line says what it takes', async (t) => {
  const help = await bench(['--help']);
  t.equal(help.code, 0);
  for (const text of ['import-users-csv', 'ten-million', '--rows', '--database-url']) t.match(help.stdout, text);
  const wrong = await Promise.all(
    [['nonsense'], ['--rows', 'many'], ['--rounds', '0'], ['--fast']].map(async (args) => await bench(args)),
  );
  for (const { code, stderr } of wrong) {
    t.equal(code, 1);
    t.equal(stderr.trim().split('\n').length, 1, stderr);
  }
});
