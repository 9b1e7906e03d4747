// `npm run load`: the service under a steady mixture of everything for minutes, then under more than it takes. Fails when
// anything grows or goes wrong, and keeps every second as JSON and a table of them as Markdown.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { openPool } from '../../db/client.ts';
import { connectionTo, openDatabaseServer } from '../database-server.ts';
import { describeMachine, describeProject } from '../machine.ts';
import { fileDate, writeResult } from '../result.ts';
import { describe, ServiceProcesses } from '../service-process.ts';
import { conclude, figure } from './conclude.ts';
import { type LoadSettings, marginSeconds, runPhases, type Sample } from './phases.ts';
import { type LoadReport, markdownOf } from './report.ts';

const help = `Usage: npm run load -- [options]
  --minutes <n>   how long the steady load lasts (default 3); less than half a minute shows only that it works
  --rate <n>      short requests a second, besides the files (default 100)
  --records <n>   of each uploaded file (default 5000)
  --results <folder>  where the result goes (default bench/results/load)
  --help
`;

/** Small enough that a run can reach it. */
const variables = { MAX_UNFINISHED_JOBS: '20' };

/** Aborts by a signal, or when a run takes longer than any can that works: then something hangs. */
const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => stop.abort(new Error(`stopped by ${signal}`)));
}

try {
  const command = readCommand();
  if (command) await run(command.settings, command.results);
  else process.stdout.write(help);
} catch (error) {
  process.stderr.write(`${describe(stop.signal.aborted ? stop.signal.reason : error)}\n`);
  process.exitCode = 1;
}

function readCommand(): { settings: LoadSettings; results: string } | null {
  const { values } = parseArgs({
    options: {
      minutes: { type: 'string', default: '3' },
      rate: { type: 'string', default: '100' },
      records: { type: 'string', default: '5000' },
      results: { type: 'string', default: join(import.meta.dirname, '../results/load') },
      help: { type: 'boolean' },
    },
  });
  if (values.help) return null;
  const amount = (name: 'minutes' | 'rate' | 'records') => {
    const value = Number(values[name]);
    if (!(value > 0) || value > 1e6) throw new Error(`--${name} takes a number above 0, not ${values[name]}`);
    return value;
  };
  const settings = { seconds: Math.ceil(60 * amount('minutes')), rate: amount('rate'), records: amount('records') };
  return { settings, results: values.results };
}

async function run(settings: LoadSettings, results: string): Promise<void> {
  const limitSeconds = settings.seconds + 2 * marginSeconds;
  const overdue = setTimeout(() => {
    stop.abort(new Error(`the load has not ended after ${limitSeconds} s`));
  }, limitSeconds * 1000);
  const { signal } = stop;
  const stopped = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason));
  });
  // Heard by whoever is waiting at that time.
  stopped.catch(() => {});
  const folder = await mkdtemp(join(tmpdir(), 'bulk-load-'));
  const server = await openDatabaseServer(null);
  const sql = openPool(connectionTo(server.address), { max: 4, name: 'load' });
  try {
    const services = new ServiceProcesses({ signal, profileDir: null, variables });
    const outcome = await services.use(server.address, async (service) => {
      const load = runPhases({ service, sql, folder, settings, signal, onSample });
      // What hangs is left behind: its connections end with the service.
      return await Promise.race([load, stopped]);
    });
    const environment = {
      date: fileDate(),
      machine: describeMachine(),
      versions: { ...(await describeProject()), postgresql: server.version },
      settings,
    };
    await keep({ ...environment, ...outcome, ...conclude(outcome) }, results);
  } finally {
    clearTimeout(overdue);
    await sql.end({ timeout: 5 });
    await server.close();
    await rm(folder, { recursive: true, force: true });
  }
}

async function keep(report: LoadReport, results: string): Promise<void> {
  const page = markdownOf(report);
  const path = await writeResult(results, 'load', report.date, { name: 'load', ...report });
  await writeFile(path.replace(/json$/, 'md'), page);
  process.stdout.write(`${page}\nwritten to ${path}\n`);
  if (report.faults.length > 0) process.exitCode = 1;
}

function onSample(count: number, { p50_ms, p99_ms, rss_mb, descriptors, sessions }: Sample): void {
  if (count % 10 !== 0) return;
  process.stderr.write(
    `  ${count} s: p50 ${figure(p50_ms)} ms, p99 ${figure(p99_ms)} ms, ${figure(rss_mb)} MB, ${descriptors} descriptors, ${sessions} sessions\n`,
  );
}
