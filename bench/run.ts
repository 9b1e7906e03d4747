// Command line of the benchmarks: runs those that are named, one after the other on one server, shows tables and keeps
// every figure as JSON. Missed ratios are shown; only a benchmark that fails makes the run fail.
import { join } from 'node:path';
import { loadConfig } from '../src/config.ts';
import type { Benchmark } from './benchmark.ts';
import { benchmarks } from './benchmarks/index.ts';
import { type Command, helpText, readCommand } from './command-line.ts';
import { findCopyClient } from './copy-client.ts';
import { DataFiles } from './data-files.ts';
import { openDatabaseServer } from './database-server.ts';
import { Databases } from './databases.ts';
import { describeMachine, describeProject } from './machine.ts';
import { comparisonTable, detailTable, type NamedResult } from './report.ts';
import { conclude, fileDate, writeResult } from './result.ts';
import { chosenVariables, describe, ServiceProcesses } from './service-process.ts';

const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  // Child processes end, whatever waits for them fails, and all is cleaned up on the way out. A second one ends at once.
  process.once(signal, () => stop.abort(new Error(`stopped by ${signal}`)));
}

try {
  const command = readCommand(process.argv.slice(2), benchmarks);
  if (command) await run(command);
  else process.stdout.write(helpText(benchmarks));
} catch (error) {
  process.stderr.write(`${describe(error)}\n`);
  process.exitCode = 1;
}

async function run(command: Command): Promise<void> {
  const { records, rounds, quick, resultsDir } = command;
  const progress = (message: string) => void process.stderr.write(`  ${message}\n`);
  const copy = await findCopyClient(stop.signal);
  const server = await openDatabaseServer(command.databaseUrl);
  const files = new DataFiles(records, progress);
  const templates = new ServiceProcesses({ signal: stop.signal, profileDir: null });
  const databases = new Databases({ server, files, services: templates, copy, progress });
  const shared = {
    settings: { records, rounds, quick },
    files,
    server,
    databases,
    copy,
    signal: stop.signal,
    progress,
  };
  const environment = {
    machine: describeMachine(),
    versions: { ...(await describeProject()), postgresql: server.version, baseline: copy.name },
    settings: { ...shared.settings, server: server.kind, profile: command.profile, import: importSettings() },
  };
  const results: NamedResult[] = [];
  try {
    for (const benchmark of command.benchmarks) {
      const { name, description } = benchmark;
      process.stderr.write(`${name}: ${description}\n`);
      const date = fileDate();
      const profileDir = command.profile ? join(resultsDir, `${name}-${date}-profiles`) : null;
      const services = new ServiceProcesses({ signal: stop.signal, profileDir });
      const comparisons = await attempt(benchmark, async () => await benchmark.run({ ...shared, services }));
      if (!comparisons) continue;
      const concluded = comparisons.map((comparison) => conclude(benchmark, comparison));
      results.push(...concluded.map((comparison) => ({ name, ...comparison })));
      const result = { name, description, date, ...environment, comparisons: concluded };
      progress(`written to ${await writeResult(resultsDir, name, date, result)}`);
    }
  } finally {
    await databases.close().finally(server.close);
  }
  if (results.length > 0) process.stdout.write(`\n${comparisonTable(results)}\n${detailTable(results)}`);
}

/** @returns null when it failed, which is reported; the others still run, unless the run is being stopped. */
async function attempt<T>({ name }: Benchmark, work: () => Promise<T>): Promise<T | null> {
  try {
    return await work();
  } catch (error) {
    stop.signal.throwIfAborted();
    process.stderr.write(`${name} failed: ${describe(error)}\n`);
    process.exitCode = 1;
    return null;
  }
}

/** How the service imports: its defaults, and what the environment changes. */
function importSettings() {
  const variables = chosenVariables(process.env);
  return { ...loadConfig(variables).import, variables };
}
