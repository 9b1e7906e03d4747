// Work that fails for no fault of its own is repeated, with growing pauses, until it succeeds or the time is up.
import { setTimeout as pause } from 'node:timers/promises';
import { sqlstateOf, verdictOf } from '../../db/sqlstate.ts';
import { JobFault } from './job-fault.ts';

const firstPauseMs = 50;
const longestPauseMs = 5_000;

export interface RetryOptions {
  /** How long to go on trying after the first failure. */
  forMs: number;
  signal: AbortSignal;
  onRetry?(error: unknown, failures: number): void;
}

/**
 * @throws an error that is not transient; JobFault `database_unavailable` or `database_full` when the time is up; the
 *   signal's reason when it aborts.
 */
export async function retryTransient<T>(work: () => Promise<T>, { forMs, signal, onRetry }: RetryOptions): Promise<T> {
  let giveUpAt = Number.POSITIVE_INFINITY;
  for (let failures = 1; ; failures++) {
    try {
      return await work();
    } catch (error) {
      signal.throwIfAborted();
      giveUpAt = Math.min(giveUpAt, Date.now() + forMs);
      if (verdictOf(error) !== 'transient') throw error;
      if (Date.now() >= giveUpAt) throw explainOutage(error);
      onRetry?.(error, failures);
      // Half of it by chance, so that two jobs that ran into each other do not do so again in step.
      const longest = Math.min(longestPauseMs, firstPauseMs * 2 ** Math.min(failures, 10));
      await pause(longest / 2 + (Math.random() * longest) / 2, undefined, { signal }).catch(() =>
        signal.throwIfAborted(),
      );
    }
  }
}

function explainOutage(error: unknown): JobFault {
  const code = sqlstateOf(error);
  return code === '53100'
    ? new JobFault('database_full', 'the disk of the database stayed full for longer than DB_RETRY_FOR')
    : new JobFault('database_unavailable', `the database refused for longer than DB_RETRY_FOR (${code})`);
}
