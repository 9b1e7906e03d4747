// `npm run torture`: rounds of faults until something is wrong, or as many as asked for.
import { parseArgs } from 'node:util';
import { type RoundReport, Torture } from './torture.ts';

const help = `Usage: npm run torture -- [options]
Kills, freezes and cuts off the service and its database while it works, then looks whether anything was lost.

Options:
  --rounds <n>   how many (default 200)
  --seed <n>     settles files, faults and their order (default: by the clock)
  --round <n>    the number of the first round (default 0): with the seed, a round again
  --size <n>     records per file (default 2500)
  --help
`;

/** Rounds; the check takes a start of a process. */
const orphansEvery = 10;

function count(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0 || value >= 2 ** 31)
    throw new Error(`${name} takes a whole number, not ${text}`);
  return value;
}

async function run(): Promise<void> {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string', default: '200' },
      seed: { type: 'string', default: String(Math.floor(Date.now() / 1000) % 1_000_000) },
      round: { type: 'string', default: '0' },
      size: { type: 'string', default: '2500' },
      help: { type: 'boolean' },
    },
  });
  if (values.help) return void process.stdout.write(help);
  const [rounds, seed] = [count('--rounds', values.rounds), count('--seed', values.seed)];
  const [first, size] = [count('--round', values.round), count('--size', values.size)];
  process.stdout.write(`seed ${seed}, ${rounds} rounds\n`);
  const torture = await Torture.start({ seed, size, fileSets: Math.min(4, rounds), signal: stopped.signal });
  const totals = { faults: 0, attempts: 0, streamed: 0, brokenStreams: 0, longestRecoveryMs: 0 };
  try {
    for (let round = first; round < first + rounds; round++) {
      stopped.signal.throwIfAborted();
      const report = await torture.round(round);
      totals.faults += report.faults.length;
      totals.attempts += report.attempts;
      totals.streamed += report.streamed;
      totals.brokenStreams += report.brokenStreams;
      totals.longestRecoveryMs = Math.max(totals.longestRecoveryMs, Math.round(report.recoveryMs));
      process.stdout.write(`round ${round}: ${describe(report)}\n`);
      const last = round === first + rounds - 1;
      if (last || (round + 1) % orphansEvery === 0) report.findings.push(...(await torture.checkOrphans()));
      if (report.findings.length === 0) continue;
      for (const finding of report.findings.slice(0, 20)) process.stdout.write(`  ${finding}\n`);
      process.stdout.write(`What the processes logged: ${await torture.keepLogs()}\n`);
      process.stdout.write(`Again: npm run torture -- --seed ${seed} --size ${size} --round ${round} --rounds 5\n`);
      process.exitCode = 1;
      return;
    }
    process.stdout.write(`${rounds} rounds, nothing lost, nothing doubled: ${JSON.stringify(totals)}\n`);
  } finally {
    await torture.close();
  }
}

function describe({ faults, durationMs, recoveryMs, attempts, streamed, brokenStreams }: RoundReport): string {
  const seconds = (ms: number) => (ms / 1000).toFixed(1);
  return `${seconds(durationMs)} s (recovery ${seconds(recoveryMs)} s), ${attempts} attempts, ${streamed} exports streamed, ${brokenStreams} broken: ${faults.join(', ')}`;
}

// What is started here must not outlive this: a Ctrl-C ends the round under way, in order.
const stopped = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => stopped.abort(new Error(`stopped by ${signal}`)));
try {
  await run();
} catch (error) {
  process.stderr.write(`${(error as Error).stack}\n`);
  process.exitCode = 1;
}
