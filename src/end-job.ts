// The end of a job by the attempt that ran it.
import type { Kysely, Transaction } from 'kysely';
import { endJob, findJob, type Job, type JobEnd } from '../db/jobs.ts';
import type { Database } from '../db/tables.ts';
import { type RetryOptions, retryTransient } from './import/retry.ts';
import type { JobObserver } from './job-observer.ts';

export interface EndServices {
  db: Kysely<Database>;
  /** Queues the jobs that waited for this one. */
  enqueueReady(tx: Transaction<Database>): Promise<void>;
  observer: Pick<JobObserver, 'jobEnded'>;
}

/**
 * Ends the job and tells the observer.
 * @param also runs in the same transaction, before anything but the job is locked.
 * @returns the ended job; undefined: this attempt no longer holds it.
 * @throws what retryTransient and `also` throw. After what `also` throws the job has not ended.
 */
export async function endAttempt(
  { db, enqueueReady, observer }: EndServices,
  job: Job,
  end: JobEnd,
  retry: RetryOptions,
  also: (tx: Transaction<Database>, ended: Job) => Promise<void> = async () => {},
): Promise<Job | undefined> {
  const endOnce = async () =>
    await db.transaction().execute(async (tx) => {
      const ended = await endJob(tx, job, end);
      if (!ended) return undefined;
      await also(tx, ended);
      await enqueueReady(tx);
      return ended;
    });
  const ended = await retryTransient(async () => (await endOnce()) ?? (await findEnded(db, job)), retry);
  if (ended) observer.jobEnded(ended);
  return ended;
}

/** Nobody else ends a job under this attempt, but for a cancel: an earlier try did, whose answer was lost with its connection. */
async function findEnded(db: Kysely<Database>, { type, id, attempt }: Job): Promise<Job | undefined> {
  const found = await findJob(db, type, id);
  const byAttempt = found?.status === 'completed' || found?.status === 'failed';
  return byAttempt && found.attempt === attempt ? found : undefined;
}
