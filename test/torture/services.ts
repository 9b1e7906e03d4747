// The service's processes on one database and shared folders. One that ends is started again, as a supervisor does;
// each start draws settings of its own, which must make no difference to what comes of a file.
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
  #closed = false;
  /** Of all processes so far, one list for each. */
  readonly logs: Record<string, unknown>[][] = [];

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
      try {
        return await this.#start(settings);
      } catch (error) {
        if (this.#closed || attempt === 100) throw error;
        await pause(50);
      }
    }
  }

  async #start(settings: Record<string, string>): Promise<ServiceProcess> {
    const cleanUps: (() => unknown)[] = [];
    const after = (cleanUp: () => unknown) => void cleanUps.push(cleanUp);
    const endAll = async () => {
      for (const cleanUp of cleanUps) await cleanUp();
    };
    this.#cleanUps.add(endAll);
    const service = await startService({ after } as never, { ...this.#env, ...settings }, { preload: threadKiller });
    this.#processes.add(service);
    this.logs.push(service.log);
    service.child.once('exit', () => this.#processes.delete(service));
    service.child.once('close', () => this.#cleanUps.delete(endAll));
    return service;
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const cleanUp of this.#cleanUps) await cleanUp();
  }
}
