// `npm run torture`: rounds of faults until something is wrong, or as many as asked for. What it starts, a PostgreSQL and
// processes of the service, ends with it, whichever way that is.
import { parseArgs } from 'node:util';
import { briefFaultNames, faultNames } from './faults.ts';
import { describeRound, Totals } from './report.ts';
import { Torture } from './torture.ts';

const help = `Usage: npm run torture -- [options]
Kills, freezes and cuts off the service and its database while it works, then looks whether anything was lost.

Options:
  --rounds <n>   how many (default 200)
  --seed <n>     settles files, faults and their order (default: by the clock)
  --round <n>    the number of the first round (default 0): with the seed, a round again
  --size <n>     records per file (default 2500)
  --only <text>  only faults whose name contains it: ${faultNames.join(', ')}
  --faults <n>   a round has from 2 to so many (default 5)
  --brief        none of the faults that take more than 10 seconds
  --help
`;

/** Rounds; the check takes a start of a process. */
const orphansEvery = 10;
/** Longer than a lost heartbeat takes to be missed: worth a look. */
const longRecoveryMs = 25_000;
/** Sets of files, which take turns. */
const fileSets = 4;

interface Settings {
  rounds: number;
  seed: number;
  first: number;
  size: number;
  maxFaults: number;
  /** Of those that may come. */
  faults: string[];
}

function readSettings(): Settings | null {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string', default: '200' },
      seed: { type: 'string', default: String(Math.floor(Date.now() / 1000) % 1_000_000) },
      round: { type: 'string', default: '0' },
      size: { type: 'string', default: '2500' },
      faults: { type: 'string', default: '5' },
      brief: { type: 'boolean', default: false },
      only: { type: 'string', default: '' },
      help: { type: 'boolean' },
    },
  });
  if (values.help) return null;
  const count = (name: 'rounds' | 'seed' | 'round' | 'size' | 'faults') => {
    const value = Number(values[name]);
    if (!Number.isSafeInteger(value) || value < 0 || value >= 2 ** 31)
      throw new Error(`--${name} takes a whole number, not ${values[name]}`);
    return value;
  };
  const names = (values.brief ? briefFaultNames : faultNames).filter((name) => name.includes(values.only));
  if (names.length === 0) throw new Error(`--only takes a part of a fault's name, not ${values.only}`);
  return {
    rounds: count('rounds'),
    seed: count('seed'),
    first: count('round'),
    size: count('size'),
    maxFaults: Math.max(2, count('faults')),
    faults: names,
  };
}

/** @returns whether all was well. @throws the signal's reason; whatever kept a round from being made. */
async function run(torture: Torture, { rounds, seed, first, size }: Settings): Promise<boolean> {
  const totals = new Totals();
  try {
    for (let round = first; round < first + rounds; round++) {
      stopped.signal.throwIfAborted();
      const report = await torture.round(round);
      totals.add(report);
      print(`round ${round}: ${describeRound(report)}`);
      if (report.recoveryMs > longRecoveryMs) print(`  it waited for: ${report.waitedFor.join('; ')}`);
      const last = round === first + rounds - 1;
      if (report.findings.length === 0 && (last || (round + 1) % orphansEvery === 0))
        report.findings.push(...(await torture.checkOrphans()));
      if (report.findings.length === 0) continue;
      for (const finding of report.findings.slice(0, 20)) print(`  ${finding}`);
      print(`Again: npm run torture -- --seed ${seed} --size ${size} --round ${round} --rounds 5`);
      return false;
    }
    return true;
  } finally {
    print(`\n${totals.toMarkdown(seed)}`);
  }
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

async function main(): Promise<void> {
  const settings = readSettings();
  if (!settings) return void process.stdout.write(help);
  const { seed, size, rounds, faults, maxFaults } = settings;
  print(`seed ${seed}, ${rounds} rounds`);
  const torture = await Torture.start({
    seed,
    size,
    faults,
    maxFaults,
    fileSets: Math.min(fileSets, rounds),
    signal: stopped.signal,
    onStart: (torture) => process.once('exit', () => torture.kill()),
  });
  try {
    if (!(await run(torture, settings))) throw new Error('something is wrong');
  } catch (error) {
    if (!stopped.signal.aborted) print(`Logs and state of the database: ${await torture.keepLogs()}`);
    throw error;
  } finally {
    await torture.close();
  }
}

// A Ctrl-C ends the round under way, in order; a second one ends everything at once. npm passes on what the terminal has
// sent already, so that one comes twice.
const stopped = new AbortController();
const sameMs = 500;
let stoppedAt = Infinity;
for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  process.on(signal, () => {
    if (performance.now() - stoppedAt > sameMs) process.exit(code);
    stoppedAt = Math.min(stoppedAt, performance.now());
    stopped.abort(new Error(`stopped by ${signal}`));
    process.exitCode = code;
  });
}
try {
  await main();
} catch (error) {
  process.stderr.write(`${stopped.signal.aborted ? stopped.signal.reason.message : (error as Error).stack}\n`);
  process.exitCode ??= 1;
}
