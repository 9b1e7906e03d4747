import type { JobListener, JobObserver } from './job-observer.ts';

/** Passes on what jobs tell, and lets listeners hear of it; they may be added later. */
export function tellListeners(listeners: readonly JobListener[], inner: JobObserver): JobObserver {
  return {
    attemptStarted(job) {
      const attempt = inner.attemptStarted(job);
      return {
        logBindings: attempt.logBindings,
        chunkCut: (durationMs) => attempt.chunkCut(durationMs),
        chunkStarted: (chunk) => attempt.chunkStarted(chunk),
        stagePassed: (chunk, stage, durationMs) => attempt.stagePassed(chunk, stage, durationMs),
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
