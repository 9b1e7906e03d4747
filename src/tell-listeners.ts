import type { Job } from '../db/jobs.ts';
import type { JobObserver } from './job-observer.ts';

/** What a plugin may hear of the jobs that run in this process. */
export interface JobListener {
  /** A chunk of the job is committed. */
  chunkLoaded?(job: Job, counts: { loaded: number; rejected: number }): void;
  jobEnded?(job: Job): void;
}

/** @param listeners may grow later. */
export function tellListeners(inner: JobObserver, listeners: readonly JobListener[]): JobObserver {
  return {
    attemptStarted(job) {
      const attempt = inner.attemptStarted(job);
      return {
        logBindings: attempt.logBindings,
        chunkCut: (durationMs) => attempt.chunkCut(durationMs),
        chunkStarted: (chunk) => attempt.chunkStarted(chunk),
        stagePassed: (...told) => attempt.stagePassed(...told),
        chunkLoaded(chunk, counts) {
          attempt.chunkLoaded(chunk, counts);
          for (const listener of listeners) listener.chunkLoaded?.(job, counts);
        },
        ended: () => attempt.ended(),
      };
    },
    jobEnded(job) {
      inner.jobEnded(job);
      for (const listener of listeners) listener.jobEnded?.(job);
    },
  };
}
