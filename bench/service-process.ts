// The service under measurement: a process of its own, started as users start it, on a database that is given, with a
// throw-away folder for its files, and stopped when the work on it is done.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as wait } from 'node:timers/promises';
import packageJson from '../package.json' with { type: 'json' };
import type { Address } from '../src/database-url.ts';
import { variables } from '../src/variables/index.ts';
import { environmentOf } from './database-server.ts';
import { cpuSecondsOf, peakMegabytesOf } from './proc.ts';

const project = join(import.meta.dirname, '..');
/** Those of `npm start`. */
const nodeFlags = packageJson.scripts.start.split(' ').filter((word) => word.startsWith('--'));

/** What a run of its own settings may change: the variables that say how the service works, not where. */
const tunable = ['Imports', 'Jobs', 'Server'];
const fixed = {
  HOST: '127.0.0.1',
  PORT: '0',
  SEED: 'off',
  LOG_FORMAT: 'json',
  LOG_LEVEL: 'info',
  MAX_UPLOAD_SIZE: '100GB',
};

/** The service's variables that are set where the bench was started and hold for what it measures. */
export function chosenVariables(env: NodeJS.ProcessEnv): Record<string, string> {
  const names = Object.entries(variables).flatMap(([name, { group }]) => (tunable.includes(group) ? [name] : []));
  return Object.fromEntries(names.flatMap((name) => (env[name] && !(name in fixed) ? [[name, env[name]]] : [])));
}

/** A line of the service's log. */
export type LogLine = { msg?: string } & Readonly<Record<string, unknown>>;

export interface RunningService {
  pid: number;
  /** Without a slash at its end. */
  url: string;
  /** The lines of its log with that message. */
  logged(message: string): LogLine[];
  /** So far; null where it cannot be told. */
  cpuSeconds(): Promise<number | null>;
  /** The most resident memory so far, 10^6 bytes; null where it cannot be told. */
  peakMegabytes(): Promise<number | null>;
  /** What its chunks spent in each stage so far, all threads and connections together; names carry the unit. */
  stageSeconds(): Promise<Record<string, number>>;
}

export interface ServiceProcessesOptions {
  signal: AbortSignal;
  /** Where CPU and heap profiles go; null: none are taken. */
  profileDir: string | null;
  /** Variables of the service, over those that are set where the bench was started. */
  variables?: Record<string, string>;
}

/** Long enough for a graceful stop that has to cut something off. */
const patienceMs = 60_000;

export class ServiceProcesses {
  readonly #options: ServiceProcessesOptions;

  constructor(options: ServiceProcessesOptions) {
    this.#options = options;
  }

  /**
   * Runs `work` against a service of its own, which is stopped afterwards.
   * @throws what `work` throws, with the end of the service's log; Error when the service does not start or stop.
   */
  async use<T>(database: Address, work: (service: RunningService) => Promise<T>): Promise<T> {
    const dataDir = await mkdtemp(join(tmpdir(), 'bulk-bench-data-'));
    const lines: string[] = [];
    const child = this.#spawn(database, dataDir);
    const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
    try {
      const service = await ready(child, lines, ended);
      return await work(service);
    } catch (error) {
      if (this.#options.signal.aborted) throw error;
      const tail = lines.filter((line) => !/"msg":"(incoming request|request completed)"/.test(line)).slice(-8);
      throw new Error(`${describe(error)}\nThe service's log ended with:\n${tail.join('\n')}`, { cause: error });
    } finally {
      await stop(child, ended);
      await rm(dataDir, { recursive: true, force: true, maxRetries: 5 });
    }
  }

  #spawn(database: Address, dataDir: string): ChildProcess {
    const { signal, profileDir } = this.#options;
    const profile = profileDir
      ? ['--cpu-prof', `--cpu-prof-dir=${profileDir}`, '--heap-prof', `--heap-prof-dir=${profileDir}`]
      : [];
    const others = Object.entries(process.env).filter(([name]) => !(name in variables));
    const env = {
      ...Object.fromEntries(others),
      ...chosenVariables(process.env),
      ...fixed,
      ...this.#options.variables,
      ...environmentOf(database, 'service'),
      DATA_DIR: dataDir,
    };
    const stdio = ['ignore', 'pipe', 'pipe'] as ('ignore' | 'pipe')[];
    const child = spawn(process.execPath, [...profile, ...nodeFlags, 'src/server.ts'], {
      cwd: project,
      env,
      stdio,
      signal,
      // As where it is operated: Linux shares cores among sessions first, and in that of the bench the service's threads
      // would be weighed against the clients that are measured. What the terminal sends, the bench passes on (`signal`).
      detached: true,
    });
    // A spawn that fails, or an abort, is seen by its end.
    child.on('error', () => {});
    return child;
  }
}

async function ready(child: ChildProcess, lines: string[], ended: Promise<void>): Promise<RunningService> {
  const listening = Promise.withResolvers<string>();
  for (const stream of [child.stdout!, child.stderr!]) {
    createInterface({ input: stream }).on('line', (line) => {
      lines.push(line);
      const { msg, address } = parse(line);
      if (msg === 'Ready') listening.resolve(String(address));
    });
  }
  const url = await Promise.race([
    listening.promise,
    ended.then(() => {
      throw new Error('the service ended before it was ready');
    }),
  ]);
  const pid = child.pid!;
  return {
    pid,
    url,
    logged: (message) => lines.map(parse).filter(({ msg }) => msg === message),
    cpuSeconds: async () => await cpuSecondsOf(pid),
    peakMegabytes: async () => await peakMegabytesOf(pid),
    stageSeconds: async () => await readStages(url),
  };
}

/** The sums of the service's histogram of stages. */
async function readStages(url: string): Promise<Record<string, number>> {
  const metrics = await (await fetch(`${url}/metrics`, { headers: { Accept: 'text/plain' } })).text();
  const sums = metrics.matchAll(/^bulk_chunk_stage_seconds_sum\{stage="(\w+)"\} (\S+)$/gm);
  return Object.fromEntries([...sums].map(([, stage, seconds]) => [`${stage}_stage_s`, Number(seconds)]));
}

/** What is no JSON, such as a warning of Node's, has no message. */
function parse(line: string): LogLine {
  return line.startsWith('{') ? JSON.parse(line) : {};
}

async function stop(child: ChildProcess, ended: Promise<void>): Promise<void> {
  if (child.pid === undefined) return;
  child.kill('SIGTERM');
  const given = new AbortController();
  const late = wait(patienceMs, 'late', { signal: given.signal }).catch(() => 'in time');
  if ((await Promise.race([ended, late])) === 'late') {
    child.kill('SIGKILL');
    await ended;
    throw new Error(`the service did not stop within ${patienceMs / 1000} s`);
  }
  given.abort();
}

/** With its causes: fetch says only that it failed. */
export function describe(error: unknown): string {
  const { message, cause } = error as Error;
  return cause instanceof Error && !message.includes(cause.message) ? `${message}: ${describe(cause)}` : message;
}
