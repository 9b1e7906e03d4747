// The arguments of `npm run bench`, and its help.
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Benchmark } from './benchmark.ts';

export interface Command {
  benchmarks: readonly Benchmark[];
  records: number;
  rounds: number;
  quick: boolean;
  profile: boolean;
  /** null: an embedded server. */
  databaseUrl: string | null;
  resultsDir: string;
}

const usual = { records: 1_000_000, rounds: 3 };
const quick = { records: 10_000, rounds: 1 };

/** @returns null when help is asked for. @throws Error that says which argument is wrong. */
export function readCommand(args: string[], all: readonly Benchmark[]): Command | null {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      rows: { type: 'string' },
      rounds: { type: 'string' },
      quick: { type: 'boolean', default: false },
      profile: { type: 'boolean', default: false },
      'database-url': { type: 'string' },
      results: { type: 'string', default: join(import.meta.dirname, 'results') },
      help: { type: 'boolean' },
    },
  });
  if (values.help) return null;
  const defaults = values.quick ? quick : usual;
  return {
    benchmarks: positionals.length > 0 ? named(positionals, all) : all.filter(({ onlyByName }) => !onlyByName),
    // Ten parallel jobs and a tenth of the records for memory need something to cut.
    records: count('--rows', values.rows, defaults.records, 100),
    rounds: count('--rounds', values.rounds, defaults.rounds, 1),
    quick: values.quick,
    profile: values.profile,
    databaseUrl: values['database-url'] ?? null,
    resultsDir: values.results,
  };
}

function named(names: readonly string[], all: readonly Benchmark[]): Benchmark[] {
  const unknown = names.filter((name) => !all.some((benchmark) => benchmark.name === name));
  if (unknown.length > 0) throw new Error(`there is no benchmark ${unknown.join(', ')}; --help lists them`);
  return all.filter(({ name }) => names.includes(name));
}

function count(option: string, text: string | undefined, fallback: number, least: number): number {
  if (text === undefined) return fallback;
  const value = Number(text.replaceAll(/[_,]/g, ''));
  if (!Number.isSafeInteger(value) || value < least || value > 100_000_000) {
    throw new Error(`${option} takes a whole number from ${least} to 100000000, not ${text}`);
  }
  return value;
}

export function helpText(all: readonly Benchmark[]): string {
  const width = Math.max(...all.map(({ name }) => name.length));
  const list = all.map(({ name, description, onlyByName }) => {
    return `  ${name.padEnd(width)}  ${description}${onlyByName ? ' (only when named)' : ''}`;
  });
  return `Usage: npm run bench -- [benchmark …] [options]
Measures the service against baselines taken in the same run; without names, every benchmark but the last.

Benchmarks:
${list.join('\n')}

Options:
  --rows <n>            records of users and of comments, articles half as many (default ${usual.records})
  --rounds <n>          how often each side is measured, in turn (default ${usual.rounds})
  --quick               ${quick.records} records, ${quick.rounds} round: shows that it works, not how fast
  --database-url <url>  measure on this server instead of an embedded one; makes databases and a role there
                        and drops them again, so it needs a role that may (best a superuser)
  --profile             CPU and heap profiles of the service, in a folder beside the results
  --results <folder>    where results go (default bench/results)
  --help

Variables of the service (IMPORT_WORKERS, IMPORT_CONNECTIONS, IMPORT_BATCH_SIZE …) hold for what is measured.
Test data is made once per size, in the folder for temporary files. The baseline is psql where there is one.
What parse-users and parse-comments do runs in the bench's own process: node --cpu-prof bench/run.ts parse-users.
`;
}
