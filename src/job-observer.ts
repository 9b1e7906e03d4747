import type { Job } from '../db/jobs.ts';

/**
 * split: cut out of the file, on the main thread; parse: in a worker thread; load: one transaction, with what had to be
 * done again, of which look_up: keys and references; copy: the rows; commit.
 */
export type ChunkStage = 'split' | 'parse' | 'load' | 'look_up' | 'copy' | 'commit';

/** What those who run jobs tell as they go, for metrics. */
export interface JobObserver {
  /** A chunk has been through a stage. */
  stagePassed(stage: ChunkStage, durationMs: number): void;
  /** A chunk is committed. @param owner of the job. */
  chunkLoaded(resource: string, counts: { loaded: number; rejected: number }, owner: string | null): void;
  /** Completed, failed or cancelled. */
  jobEnded(job: Job): void;
}
