// Starts the server again when it has ended although nobody told it to: killed for its memory, given up on a full disk.
// Always on the same port, which is in every connection of the service. A server that was adopted is no child of ours, so
// its process is looked at now and then.
import { setTimeout as wait } from 'node:timers/promises';
import {
  type Cluster,
  lastWords,
  type RunningServer,
  runningServer,
  startServer,
  stillRuns,
  stopServer,
} from './cluster.ts';

export interface Log {
  info(data: object, message: string): void;
  warn(data: object, message: string): void;
  error(data: object, message: string): void;
}

export interface KeepOptions {
  cluster: Cluster;
  server: RunningServer;
  /** Asked for each start; the port is added. */
  settings: () => Promise<Record<string, string | number>>;
  /** false: the folder is no longer ours, and neither is what runs on it. */
  mayRestart: () => Promise<boolean>;
  log?: Log | undefined;
}

const lookEveryMs = 1000;
/** One that has run for so long did not end of what it had ended of before. */
const settledMs = 60_000;
const pauseMs = (failures: number) => Math.min(100 * 2 ** failures, 10_000);

/** @returns stops it, whatever state it is in, and waits for its end. */
export function keepRunning({ cluster, server: first, settings, mayRestart, log }: KeepOptions): () => Promise<void> {
  const { port } = first;
  const stopping = new AbortController();
  const { signal } = stopping;
  /** null: the last start failed. */
  let server: RunningServer | null = first;
  // Ends early when told to stop, which is then looked at.
  const pause = async (ms: number) => await wait(ms, undefined, { signal, ref: false }).catch(() => {});

  const untilItEnds = async (running: RunningServer) => {
    // What cannot be asked now, because no descriptor is left, has not ended.
    while (!signal.aborted && (await stillRuns(running).catch(() => true))) await pause(lookEveryMs);
  };
  const startAgain = async () => {
    // Usually none, but for the pid file of the one that has ended, which is removed.
    server = await runningServer(cluster);
    if (!server) {
      await startServer(cluster, { ...(await settings()), port }, signal);
      server = await runningServer(cluster);
    }
    log?.info({ port }, 'Embedded PostgreSQL started again');
  };
  const keep = async () => {
    for (let failures = 0; ; failures++) {
      try {
        if (server) {
          const since = performance.now();
          await untilItEnds(server);
          if (signal.aborted) return;
          server = null;
          if (performance.now() - since > settledMs) failures = 0;
          log?.warn({ last_words: await lastWords(cluster) }, 'The embedded PostgreSQL has ended');
        }
        await pause(pauseMs(failures));
        if (signal.aborted) return;
        if (!(await mayRestart())) {
          log?.error({}, 'DATA_DIR belongs to another service by now, the embedded PostgreSQL is not started again');
          return;
        }
        await startAgain();
      } catch (error) {
        if (signal.aborted) return;
        log?.error({ err: error }, 'The embedded PostgreSQL could not be started again yet');
      }
    }
  };
  const kept = keep();
  return async () => {
    stopping.abort();
    await kept;
    if (server && (await stillRuns(server))) await stopServer(cluster, server);
  };
}
