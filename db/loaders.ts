// The connections that load one attempt of an import. They carry the job's id and attempt in their application name:
// that is how a later attempt finds and ends those of an earlier one, which a frozen client would hold open for ever
// (no time-out fires while the server waits for COPY data).
import type { Kysely } from 'kysely';
import { sql as raw } from 'kysely';
import { type Connection, openPool, type Sql } from './client.ts';
import type { Job } from './jobs.ts';
import type { Database } from './tables.ts';

/** Longest wait for a lock before a chunk steps back and tries again: neighbours come first. */
const lockTimeoutMs = 5_000;

const loaderName = (jobId: string, attempt: number | '') => `bulk ${jobId} ${attempt}`;

export function openLoaders(connection: Connection, job: Pick<Job, 'id' | 'attempt'>, max: number): Sql {
  return openPool(connection, { max, name: loaderName(job.id, job.attempt), lockTimeoutMs });
}

/** Ends the loading connections of the job's earlier attempts; what they had not committed is rolled back. */
export async function endEarlierLoaders(db: Kysely<Database>, job: Pick<Job, 'id' | 'attempt'>): Promise<void> {
  await raw`
    SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
    WHERE usename = current_user AND starts_with(application_name, ${loaderName(job.id, '')})
      AND application_name <> ${loaderName(job.id, job.attempt)}`.execute(db);
}
