import type { Kysely, Transaction } from 'kysely';
import { cancelJob, type Job, type JobType } from '../db/jobs.ts';
import type { Database } from '../db/tables.ts';
import type { JobObserver } from './job-observer.ts';
import { problem } from './problems.ts';
import { requireJob } from './require-job.ts';

export interface CancelServices {
  db: Kysely<Database>;
  queue: { enqueueReady(tx: Transaction<Database>): Promise<void>; abort(jobId: string): void };
  observer: Pick<JobObserver, 'jobEnded'>;
}

/**
 * Ends a job that a client wants no more; those that waited for it may run. What it has committed stays.
 * @param of whose jobs alone there are, for the caller; undefined: everybody's.
 * @throws Problem job_not_found, job_ended.
 */
export async function cancel(
  { db, queue, observer }: CancelServices,
  type: JobType,
  jobId: string,
  of: string | undefined,
): Promise<Job> {
  const { id } = await requireJob(db, type, jobId, of);
  const cancelled = await db.transaction().execute(async (tx) => {
    const ended = await cancelJob(tx, type, id);
    if (ended) await queue.enqueueReady(tx);
    return ended;
  });
  if (!cancelled) throw problem('job_ended', 'the job has already ended; there is nothing to cancel');
  queue.abort(id);
  observer.jobEnded(cancelled);
  return cancelled;
}
