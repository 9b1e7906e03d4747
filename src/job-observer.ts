import type { Job } from '../db/jobs.ts';

/**
 * split: cut out of the file, on the main thread; parse: in a worker thread; load: one transaction, with what had to be
 * done again, of which look_up: keys and references; copy: the rows; commit.
 */
export type ChunkStage = 'split' | 'parse' | 'load' | 'look_up' | 'copy' | 'commit';

/** What those who run jobs tell as they go, for metrics and traces. */
export interface JobObserver {
  /** This process begins an attempt at a job. */
  attemptStarted(job: Job): AttemptObserver;
  /** Completed, failed or cancelled. */
  jobEnded(job: Job): void;
}

/** What one attempt tells. Chunks go by their index; several are under way at once. */
export interface AttemptObserver {
  /** For every line that the attempt logs. */
  readonly logBindings: Readonly<Record<string, string>>;
  /** A chunk has been cut out of the file; the one that is handed out next. */
  chunkCut(durationMs: number): void;
  chunkStarted(chunk: ChunkStart): void;
  /** A chunk has been through a stage that ends now. */
  stagePassed(chunk: number, stage: Exclude<ChunkStage, 'split'>, durationMs: number): void;
  /** A chunk is committed. */
  chunkLoaded(chunk: number, counts: { loaded: number; rejected: number }): void;
  /** The attempt is over; whether the job is, jobEnded has told before. Chunks that are still under way were given up. */
  ended(): void;
}

export interface ChunkStart {
  index: number;
  firstLine: number;
  records: number;
}
