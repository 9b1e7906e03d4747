import type { Job } from '../db/jobs.ts';

/** What those who run jobs tell as they go, for metrics. */
export interface JobObserver {
  /** A worker thread has parsed and validated a chunk; the time includes waiting for a thread. */
  chunkParsed(durationMs: number): void;
  /** A chunk is committed; the time includes what had to be done again. */
  chunkLoaded(resource: string, durationMs: number, counts: { loaded: number; rejected: number }): void;
  /** Completed, failed or cancelled. */
  jobEnded(job: Job): void;
}
