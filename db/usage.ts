// What limits are measured against: unfinished jobs and stored bytes, of everybody or of one owner.
import { type Kysely, sql } from 'kysely';
import type { JobType } from './jobs.ts';
import type { Database } from './tables.ts';

type Db = Kysely<Database>;

/**
 * Whether there are fewer unfinished jobs of a type than `limit`; looks at no more than that many.
 * @param owner undefined: everybody's.
 */
export async function hasFewerUnfinished(db: Db, type: JobType, limit: number, owner?: string): Promise<boolean> {
  const owned = owner === undefined ? sql`` : sql`AND owner = ${owner}`;
  const { rows } = await sql<{ jobs: number }>`
    SELECT count(*) AS jobs FROM (
      SELECT FROM bulk.jobs WHERE type = ${type} AND status IN ('pending', 'processing') ${owned} LIMIT ${limit}
    ) AS unfinished`.execute(db);
  return rows[0]!.jobs < limit;
}

export interface UnfinishedJobs {
  type: JobType;
  status: 'pending' | 'processing';
  jobs: number;
}

/** How many unfinished jobs there are; a type and status without any is left out. @param owner undefined: everybody's. */
export async function countUnfinished(db: Db, owner?: string): Promise<UnfinishedJobs[]> {
  const owned = owner === undefined ? sql`` : sql`AND owner = ${owner}`;
  const { rows } = await sql<UnfinishedJobs>`
    SELECT type, status, count(*) AS jobs FROM bulk.jobs
    WHERE status IN ('pending', 'processing') ${owned} GROUP BY type, status`.execute(db);
  return rows;
}

const kept = (owner: string) => sql`
  (SELECT coalesce(sum(bytes_total), 0) AS bytes FROM bulk.jobs WHERE owner = ${owner} AND file IS NOT NULL)`;

/** Bytes of the uploads and exported files that are kept for an owner. */
export async function keptBytes(db: Db, owner: string): Promise<number> {
  const { rows } = await sql<{ bytes: number }>`SELECT bytes::int8 FROM ${kept(owner)} AS kept`.execute(db);
  return rows[0]!.bytes;
}

/**
 * The same, and of the exports that are being written.
 * @param except id of an export that is not counted.
 */
export async function storedBytes(db: Db, owner: string, except: string | null = null): Promise<number> {
  const { rows } = await sql<{ bytes: number }>`
    SELECT (kept.bytes + growing.bytes)::int8 AS bytes
    FROM ${kept(owner)} AS kept,
      (SELECT coalesce(sum(bytes_processed), 0) AS bytes FROM bulk.jobs
        WHERE owner = ${owner} AND type = 'export' AND status = 'processing' AND id IS DISTINCT FROM ${except}::uuid
      ) AS growing`.execute(db);
  return rows[0]!.bytes;
}
