// Statements of the sweep (src/housekeeping). Each changes a bounded number of rows in a transaction of its own and passes
// over rows that somebody else has locked, so that nobody waits for it and it waits for nobody. Only what has ended
// is touched.
import { type Kysely, sql } from 'kysely';
import { arrayLiteral } from './array-literal.ts';
import type { Database, JobsTable } from './tables.ts';

type Db = Kysely<Database>;

/** The clock that expiry times were made by. */
export async function readClock(db: Db): Promise<Date> {
  const { rows } = await sql<{ now: Date }>`SELECT now() AS now`.execute(db);
  return rows[0]!.now;
}

/** Which files are due: uploads some time after their import has ended, exported files at their own time. */
const due = {
  import: (endedBefore: Date) => sql`type = 'import' AND completed_at <= ${endedBefore}`,
  export: (now: Date) => sql`type = 'export' AND completed_at IS NOT NULL AND expires_at <= ${now}`,
};

/**
 * Lets jobs forget their files, from when on these are gone for clients.
 * @param before an upload is due when its import ended by then, an exported file when it expired by then.
 * @returns the files' keys: whoever calls this deletes them.
 */
export async function releaseFiles(db: Db, type: JobsTable['type'], before: Date, limit: number): Promise<string[]> {
  const { rows } = await sql<{ file: string }>`
    UPDATE bulk.jobs SET file = NULL
    FROM (
      SELECT id, file FROM bulk.jobs WHERE completed_at IS NOT NULL AND file IS NOT NULL AND ${due[type](before)}
      ORDER BY completed_at LIMIT ${limit} FOR UPDATE SKIP LOCKED
    ) AS due
    WHERE jobs.id = due.id RETURNING due.file`.execute(db);
  return rows.map(({ file }) => file);
}

/** Hides jobs from clients, before they lose their parts one after the other. @returns how many. */
export async function hideJobs(db: Db, endedBefore: Date, now: Date, limit: number): Promise<number> {
  const { numAffectedRows = 0n } = await sql`
    UPDATE bulk.jobs SET swept_at = ${now} WHERE id IN (
      SELECT id FROM bulk.jobs WHERE completed_at <= ${endedBefore} AND swept_at IS NULL
      ORDER BY completed_at LIMIT ${limit} FOR UPDATE SKIP LOCKED)`.execute(db);
  return Number(numAffectedRows);
}

/** Ids of hidden jobs, those that ended first before others. */
export async function findHidden(db: Db, limit: number): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`
    SELECT id FROM bulk.jobs WHERE completed_at IS NOT NULL AND swept_at IS NOT NULL
    ORDER BY completed_at LIMIT ${limit}`.execute(db);
  return rows.map(({ id }) => id);
}

/** Row errors and checkpoints of a hidden job; nobody else writes them any more. @returns how many were deleted. */
export async function deletePart(
  db: Db,
  table: 'row_errors' | 'chunks',
  jobId: string,
  limit: number,
): Promise<number> {
  const { numAffectedRows = 0n } = await sql`
    DELETE FROM bulk.${sql.raw(table)} WHERE ctid = ANY (ARRAY (
      SELECT ctid FROM bulk.${sql.raw(table)} WHERE job_id = ${jobId} LIMIT ${limit}))`.execute(db);
  return Number(numAffectedRows);
}

/**
 * Deletes a hidden job that has no parts left, and counts it.
 * @returns its type and file; undefined when it is locked, or gone already.
 */
export async function deleteJob(db: Db, id: string): Promise<Pick<JobsTable, 'type' | 'file'> | undefined> {
  const { rows } = await sql<Pick<JobsTable, 'type' | 'file'>>`
    WITH gone AS (
      DELETE FROM bulk.jobs WHERE id = (
        SELECT id FROM bulk.jobs WHERE id = ${id} AND swept_at IS NOT NULL FOR UPDATE SKIP LOCKED)
      RETURNING type, file
    ), counted AS (
      UPDATE bulk.installation SET swept_jobs = swept_jobs + 1 WHERE EXISTS (SELECT FROM gone)
    )
    SELECT type, file FROM gone`.execute(db);
  return rows[0];
}

/** Keys whose time is up and whose request is not being received any more. @returns how many were deleted. */
export async function deleteExpiredKeys(db: Db, now: Date, limit: number): Promise<number> {
  const { numAffectedRows = 0n } = await sql`
    DELETE FROM bulk.idempotency_keys WHERE (owner, route, key) IN (
      SELECT owner, route, key FROM bulk.idempotency_keys
      WHERE expires_at <= ${now} AND (job_id IS NOT NULL OR lease_until <= ${now})
      ORDER BY expires_at LIMIT ${limit} FOR UPDATE SKIP LOCKED)`.execute(db);
  return Number(numAffectedRows);
}

/** Which of these files are named by a job. */
export async function findNamed(db: Db, files: readonly string[]): Promise<Set<string>> {
  const { rows } = await sql<{ file: string }>`
    SELECT file FROM bulk.jobs WHERE file = ANY (${arrayLiteral(files)}::text[])`.execute(db);
  return new Set(rows.map(({ file }) => file));
}
