import type { Kysely } from 'kysely';
import { findJob, type JobType } from '../db/jobs.ts';
import type { Database } from '../db/tables.ts';
import { problem } from './problems.ts';

const uuid = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i;

export function isUuid(text: string): boolean {
  return uuid.test(text);
}

/**
 * @param of whose jobs alone there are, for the caller; undefined: everybody's.
 * @throws Problem job_not_found, for an id that is no UUID as well: there is no such job either.
 */
export async function requireJob(db: Kysely<Database>, type: JobType, id: string, of: string | undefined) {
  const job = isUuid(id) ? await findJob(db, type, id, of) : undefined;
  if (!job) throw problem('job_not_found', `there is no ${type} with this id`);
  return job;
}
