// Writes a running export's bytes to its job now and then, and learns by it that the job is no longer its own: also
// while no rows flow, as in a long sort.
import type { Kysely } from 'kysely';
import type { Logger } from 'pino';
import { setExportProgress } from '../../db/export-progress.ts';
import type { Job } from '../../db/jobs.ts';
import type { Database } from '../../db/tables.ts';
import { Overtaken } from '../import/job-fault.ts';

const intervalMs = 1_000;

export interface ProgressReports {
  /** Aborts with Overtaken when the job was cancelled or another attempt has begun. */
  overtaken: AbortSignal;
  /** Ends the reports; resolves when none is under way. May be called more than once. */
  stop(): Promise<void>;
}

export function reportProgress(db: Kysely<Database>, job: Job, bytes: () => number, log: Logger): ProgressReports {
  const overtaken = new AbortController();
  let report: Promise<void> | null = null;
  const write = async () => {
    try {
      if (!(await setExportProgress(db, job, bytes()))) overtaken.abort(new Overtaken());
    } catch (error) {
      // The next report makes up for it. What the failure means for the export, the export itself finds out.
      log.warn({ err: error }, 'Progress could not be written');
    } finally {
      report = null;
    }
  };
  const timer = setInterval(() => {
    report ??= write();
  }, intervalMs);
  return {
    overtaken: overtaken.signal,
    async stop() {
      clearInterval(timer);
      await report;
    },
  };
}
