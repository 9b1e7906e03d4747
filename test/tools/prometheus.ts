// The real Prometheus, as a process of the test's own on a copy of deploy/prometheus.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Test } from 'tap';
import { freePort } from '../../db/embedded/free-port.ts';
import { temporaryFolder } from '../temporary-folder.ts';

export const deployed = new URL('../../deploy/prometheus/', import.meta.url).pathname;

/** A copy of deploy/prometheus with a key in its place, as compose.yaml mounts it. */
export async function copyDeployed(test: Pick<Test, 'after'>, key: string): Promise<string> {
  const folder = await temporaryFolder(test);
  await cp(deployed, folder, { recursive: true });
  await writeFile(join(folder, 'api-key'), `${key}\n`);
  return folder;
}

export interface PrometheusProcess {
  /** Calls its API (https://prometheus.io/docs/prometheus/latest/querying/api/). @throws its error. */
  ask<T>(path: string, query?: Record<string, string>): Promise<T>;
}

/** Starts it, scraping `target` (host:port) every second. Killed when the test ends. */
export async function startPrometheus(
  test: Pick<Test, 'after'>,
  { target, key }: { target: string; key: string },
): Promise<PrometheusProcess> {
  const folder = await copyDeployed(test, key);
  const config = join(folder, 'prometheus.yml');
  const written = await readFile(config, 'utf8');
  await writeFile(config, written.replace('api:8080', target).replaceAll('_interval: 15s', '_interval: 1s'));
  const address = `127.0.0.1:${await freePort()}`;
  const options = { 'config.file': config, 'storage.tsdb.path': join(folder, 'data'), 'web.listen-address': address };
  const child = spawn(
    'prometheus',
    Object.entries(options).map(([name, value]) => `--${name}=${value}`),
    { stdio: 'ignore' },
  );
  const closed = once(child, 'close');
  test.after(async () => {
    child.kill('SIGKILL');
    await closed;
  });
  while (!(await isReady(address))) {
    if (child.exitCode !== null) throw new Error(`prometheus ended with ${child.exitCode}`);
    await pause(50);
  }
  return {
    async ask<T>(path: string, query: Record<string, string> = {}) {
      const answer = await fetch(`http://${address}/api/v1/${path}?${new URLSearchParams(query)}`);
      const { status, data, error } = (await answer.json()) as { status: string; data: T; error?: string };
      if (status !== 'success') throw new Error(`${query.query ?? path}: ${error}`);
      return data;
    },
  };
}

async function isReady(address: string): Promise<boolean> {
  const answer = await fetch(`http://${address}/-/ready`).catch(() => null);
  return answer?.ok === true;
}
