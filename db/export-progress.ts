// Progress of export jobs. Unlike an import's, it belongs to the attempt: a new attempt writes the file anew.
import type { Kysely } from 'kysely';
import type { Job } from './jobs.ts';
import type { Database } from './tables.ts';

/** @returns false when the job was cancelled or another attempt has begun. */
export async function setExportProgress(
  db: Kysely<Database>,
  job: Pick<Job, 'id' | 'attempt'>,
  bytes: number,
): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('bulk.jobs')
    .set({ bytes_processed: bytes })
    .where('id', '=', job.id)
    .where('attempt', '=', job.attempt)
    .where('status', '=', 'processing')
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}
