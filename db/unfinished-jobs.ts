import { type Kysely, sql } from 'kysely';
import type { JobType } from './jobs.ts';
import type { Database } from './tables.ts';

/** Whether there are fewer unfinished jobs of a type than `limit`; looks at no more than that many. */
export async function hasFewerUnfinished(db: Kysely<Database>, type: JobType, limit: number): Promise<boolean> {
  const { rows } = await sql<{ jobs: number }>`
    SELECT count(*) AS jobs FROM (
      SELECT FROM bulk.jobs WHERE type = ${type} AND status IN ('pending', 'processing') LIMIT ${limit}
    ) AS unfinished`.execute(db);
  return rows[0]!.jobs < limit;
}
