// The service's processes on one database and shared folders. One that ends is started again, as a supervisor does;
// each start draws settings of its own, which must make no difference to what comes of a file.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Random } from '../../testdata/random.ts';
import { type ServiceProcess, startService } from '../service-process.ts';

/** Run in the process before the service: ends one of its threads, at whatever that is doing, when it is told to. */
const threadKiller = `
  import { isMainThread } from 'node:worker_threads';
  if (isMainThread) {
    const threads = new Set();
    process.on('worker', (worker) => {
      threads.add(worker);
      worker.once('exit', () => threads.delete(worker));
    });
    process.on('SIGUSR2', () => [...threads].at(Math.random() * threads.size)?.terminate());
  }`;

/** Run before it as well: ends the process after a while, wherever its start has come to. */
const earlyEnd = (afterMs: number) =>
  `import { isMainThread } from 'node:worker_threads';
  if (isMainThread) setTimeout(() => process.kill(process.pid, 'SIGKILL'), ${afterMs});`;

/** An import must be hit in its middle: many small chunks. */
function drawSettings(random: Random): Record<string, string> {
  return {
    IMPORT_BATCH_SIZE: String(random.between(10, 80)),
    IMPORT_WORKERS: String(random.between(1, 2)),
    IMPORT_CONNECTIONS: String(random.between(1, 4)),
  };
}

export class Services {
  readonly #env: Record<string, string>;
  readonly #cleanUps = new Set<() => unknown>();
  readonly #processes = new Set<ServiceProcess>();
  readonly #ended: ServiceProcess[] = [];
  #closed = false;

  /** @param env of every process. */
  constructor(env: Record<string, string>) {
    this.#env = env;
  }

  /** Those that run, frozen ones included. */
  get running(): ServiceProcess[] {
    return [...this.#processes];
  }

  /** Starts one more. A start that the database's state makes impossible is repeated. */
  async start(random: Random, settings: Record<string, string> = drawSettings(random)): Promise<ServiceProcess> {
    for (let attempt = 1; ; attempt++) {
      if (this.#closed) throw new Error('the torture is over');
      try {
        return await this.#start(settings, threadKiller);
      } catch (error) {
        if (attempt === 100) throw error;
        await pause(50);
      }
    }
  }

  /** Starts one that is killed, ready or not, and waits for its end. */
  async startAndKill(random: Random, afterMs: number): Promise<void> {
    if (this.#closed) return;
    const started = this.#start(drawSettings(random), earlyEnd(afterMs));
    // It ends before it is ready, or right after.
    const service = await started.catch(() => undefined);
    await service?.stop('SIGKILL');
  }

  async #start(settings: Record<string, string>, preload: string): Promise<ServiceProcess> {
    const cleanUps: (() => unknown)[] = [];
    const after = (cleanUp: () => unknown) => void cleanUps.push(cleanUp);
    const end = async () => await Promise.all(cleanUps.map(async (cleanUp) => await cleanUp()));
    this.#cleanUps.add(end);
    try {
      const service = await startService({ after } as never, { ...this.#env, ...settings }, { preload });
      this.#processes.add(service);
      service.child.once('exit', () => this.#processes.delete(service));
      service.child.once('close', () => {
        this.#cleanUps.delete(end);
        this.#ended.push(service);
      });
      return service;
    } catch (error) {
      this.#cleanUps.delete(end);
      throw error;
    }
  }

  /** What was logged so far is of no more use. */
  forgetLogs(): void {
    this.#ended.length = 0;
    for (const { log, errors } of this.#processes) log.length = errors.length = 0;
  }

  /** Writes a file for each process, those that have ended included. */
  async writeLogs(folder: string): Promise<void> {
    for (const { child, log, errors } of [...this.#ended, ...this.#processes]) {
      const lines = [...log.map((line) => JSON.stringify(line)), ...errors];
      await writeFile(join(folder, `service-${child.pid}.log`), lines.map((line) => `${line}\n`).join(''));
    }
  }

  /** Kills all of them at once, those that are just starting included, without waiting for their ends. */
  kill(): void {
    this.#closed = true;
    for (const cleanUp of this.#cleanUps) void cleanUp();
  }

  /** Kills all of them. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#cleanUps].map(async (cleanUp) => await cleanUp()));
  }
}
