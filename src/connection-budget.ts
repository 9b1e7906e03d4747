// How DB_MAX_OPEN_CONNS is shared out among the pools of the process.
import type { Config } from './config.ts';

export interface ConnectionBudget {
  /** Short statements of the API. */
  api: number;
  /** Health checks and metrics: they must not wait behind the API's statements. */
  monitor: number;
  /** The job queue's own pool, its listener included. */
  queue: number;
  /** Streamed exports and export jobs. */
  exports: number;
  /** Import jobs that may run at once, each with `config.import.connections` of its own. */
  importJobs: number;
  /** Export jobs that may run at once: they leave connections to those who wait for a response. */
  exportJobs: number;
}

/** @throws RangeError when the connections do not suffice for one import beside the rest. */
export function connectionBudget({ database, import: { connections }, jobs }: Config): ConnectionBudget {
  const api = Math.max(2, Math.floor(database.maxConnections / 5));
  const [monitor, queue] = [1, 3];
  const exports = Math.max(2, Math.floor(database.maxConnections / 5));
  const importJobs = Math.min(
    jobs.concurrency,
    Math.floor((database.maxConnections - api - monitor - queue - exports) / connections),
  );
  if (importJobs < 1) {
    throw new RangeError(
      `DB_MAX_OPEN_CONNS=${database.maxConnections} leaves no room for an import of ${connections} connections`,
    );
  }
  const exportJobs = Math.max(1, Math.min(jobs.concurrency, exports - 2));
  return { api, monitor, queue, exports, importJobs, exportJobs };
}
