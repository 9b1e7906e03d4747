// The service as operators run it: a process of its own, driven over HTTP, killed and started again.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import type { Test } from 'tap';
import { plainNode } from './plain-node.ts';
import { faultMark } from './watch-responses.ts';

const root = new URL('../', import.meta.url).pathname;
const watcher = new URL('watch-responses.ts', import.meta.url).href;
const ownEnv = {
  PATH: process.env.PATH ?? '',
  PORT: '0',
  LOG_LEVEL: 'info',
  BULK_REPORT_FAULTS: '1',
};

export interface ServiceProcess {
  url: string;
  child: ChildProcess;
  /** Its log, line by line as it is written. */
  log: Record<string, unknown>[];
  /** What it wrote to stderr, line by line. */
  errors: string[];
  /** @returns its exit code; null when a signal ended it. */
  stop(signal: NodeJS.Signals): Promise<number | null>;
}

/**
 * Starts `src/server.ts` of a checkout and waits until it listens. Killed when the test ends, which fails if a response
 * was not as the OpenAPI document says.
 * @param preload JavaScript that the process runs first.
 */
export async function startService(
  test: Pick<Test, 'after'>,
  env: Record<string, string>,
  { folder = root, preload }: { folder?: string; preload?: string } = {},
): Promise<ServiceProcess> {
  const first = preload === undefined ? [] : [`--import=data:text/javascript,${encodeURIComponent(preload)}`];
  const child = spawn(...plainNode([`--import=${watcher}`, ...first, 'src/server.ts']), {
    cwd: folder,
    env: { ...ownEnv, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const closed = once(child, 'close') as Promise<[code: number | null]>;
  test.after(async () => {
    child.kill('SIGKILL');
    await closed;
    const faults = errors.filter((line) => line.startsWith(faultMark));
    if (faults.length > 0) throw new Error(faults.join('\n'));
  });
  const log: Record<string, unknown>[] = [];
  const errors: string[] = [];
  createInterface({ input: child.stderr }).on('line', (line) => errors.push(line));
  const address = Promise.withResolvers<string>();
  createInterface({ input: child.stdout }).on('line', (line) => {
    const entry = JSON.parse(line);
    log.push(entry);
    if (entry.msg === 'Ready') address.resolve(entry.address);
  });
  closed.then(([code]) => address.reject(new Error(`the service ended with ${code}: ${errors.join('\n')}`)));
  return {
    url: await address.promise,
    child,
    log,
    errors,
    async stop(signal) {
      child.kill(signal);
      const [code] = await closed;
      return code;
    },
  };
}

/** @returns the parsed answer. @throws when it is not of the 2xx. */
export async function call<T>(url: string, init?: RequestInit): Promise<T> {
  const response = await fetch(url, init);
  const body = await response.text();
  if (!response.ok) throw new Error(`${response.status} ${body}`);
  return JSON.parse(body);
}

/** Posts a file. @returns the id of its job. */
export async function upload(url: string, resource: string, name: string, content: Blob): Promise<string> {
  const body = new FormData();
  body.set('resource', resource);
  body.set('file', content, name);
  return (await call<{ job_id: string }>(`${url}/v1/imports`, { method: 'POST', body })).job_id;
}

/** Polls until the answer fits. A service that is away for a moment is asked again. */
export async function follow<T>(url: string, fits: (answer: T) => boolean): Promise<T> {
  for (;;) {
    const answer = await call<T>(url).catch((error: unknown) => {
      if (error instanceof TypeError || /^503 /.test((error as Error).message)) return null;
      throw error;
    });
    if (answer !== null && fits(answer)) return answer;
    await pause(40);
  }
}
