// Statements about jobs, imports and exports alike. A job is written by one attempt at a time: every statement of a
// running job names its attempt, and changes nothing once the job has ended or a later attempt has begun.
import { type ExpressionBuilder, type Insertable, type Kysely, type Selectable, sql } from 'kysely';
import { arrayLiteral } from './array-literal.ts';
import type { TransactionSql } from './client.ts';
import { interval } from './interval.ts';
import { type Database, type JobFailure, type JobStatus, type JobsTable, jobColumns } from './tables.ts';

export type Job = Selectable<JobsTable> & {
  /** By the database's clock, as its other times are: those of the processes may differ from it and from one another. */
  read_at: Date;
};
export type JobType = Job['type'];
type Db = Kysely<Database>;

const readAt = sql<Date>`now()`.as('read_at');

/**
 * Without what an export is of, which its attempts alone need: its filters may be as long as a request, and a list shows a
 * thousand jobs.
 */
const shownColumns = [...jobColumns, sql<object>`options - 'selection'`.as('options'), readAt] as const;

const unfinished = ['pending', 'processing'] as const;

export async function createJob(db: Db, job: Insertable<JobsTable>): Promise<Job> {
  return await db
    .insertInto('bulk.jobs')
    .values({ ...job, db_schema: sql`current_schema()` })
    .returning(shownColumns)
    .executeTakeFirstOrThrow();
}

/** @param owner whose the job must be; undefined: anybody's. One that is being swept is not found. */
export async function findJob(db: Db, type: JobType, id: string, owner?: string): Promise<Job | undefined> {
  let query = db
    .selectFrom('bulk.jobs')
    .select(shownColumns)
    .where('id', '=', id)
    .where('type', '=', type)
    .where('swept_at', 'is', null);
  if (owner !== undefined) query = query.where('owner', '=', owner);
  return await query.executeTakeFirst();
}

/** Those of these jobs that are there; one that is being swept is not. */
export async function findJobs(db: Db, ids: readonly string[]): Promise<Job[]> {
  return await db
    .selectFrom('bulk.jobs')
    .select(shownColumns)
    .where(sql<boolean>`id = ANY (${arrayLiteral(ids)}::uuid[])`)
    .where('swept_at', 'is', null)
    .execute();
}

export interface JobListing {
  type: JobType;
  status?: JobStatus;
  resource?: string;
  /** Undefined: everybody's. */
  owner?: string;
  /** The last job of the page before. Its `seq` stays inside: it would tell how many jobs others have made. */
  after?: { id: string; createdAtMs: number };
  limit: number;
}

/** Newest first. After a job that is gone come those that were made in its millisecond or before. */
export async function listJobs(db: Db, listing: JobListing): Promise<Job[]> {
  const { type, status, resource, owner, after, limit } = listing;
  let query = db
    .selectFrom('bulk.jobs')
    .select([...jobColumns, 'options'])
    .where('type', '=', type)
    .where('swept_at', 'is', null)
    .orderBy('seq', 'desc')
    .limit(limit);
  if (owner !== undefined) query = query.where('owner', '=', owner);
  if (status) query = query.where('status', '=', status);
  if (resource) query = query.where('resource', '=', resource);
  if (after !== undefined) {
    const isLast = (eb: ExpressionBuilder<Database, 'bulk.jobs'>) =>
      eb.and({ id: after.id, type, ...(owner === undefined ? {} : { owner }) });
    const madeUntilThen = sql<boolean>`created_at < to_timestamp((${after.createdAtMs}::float8 + 1) / 1000)`;
    query = query.where('seq', '<', (eb) =>
      eb.fn.coalesce(
        eb.selectFrom('bulk.jobs').select('seq').where(isLast),
        eb.selectFrom('bulk.jobs').select(sql<number>`max(seq) + 1`.as('seq')).where(madeUntilThen),
      ),
    );
  }
  // A sort would otherwise be of options that are read already, those of jobs on other pages too.
  return await db.selectFrom(query.as('page')).select(shownColumns).orderBy('seq', 'desc').execute();
}

/** @returns the job as cancelled, or undefined when it had ended or does not exist. */
export async function cancelJob(db: Db, type: JobType, id: string): Promise<Job | undefined> {
  return await db
    .updateTable('bulk.jobs')
    .set({ status: 'cancelled', completed_at: sql<Date>`greatest(now(), started_at)` })
    .where('id', '=', id)
    .where('type', '=', type)
    .where('status', 'in', unfinished)
    .returning(shownColumns)
    .executeTakeFirst();
}

/**
 * Begins another attempt at an unfinished job of our DB_SCHEMA; from here on earlier ones can no longer write.
 * @param runner the process that makes the attempt (db/queue-entries.ts).
 */
export async function startAttempt(db: Db, type: JobType, id: string, runner: string): Promise<Job | undefined> {
  return await db
    .updateTable('bulk.jobs')
    .set((eb) => ({
      status: 'processing' as const,
      attempt: eb('attempt', '+', 1),
      runner,
      started_at: sql<Date>`coalesce(started_at, now())`,
    }))
    .where('id', '=', id)
    .where('type', '=', type)
    .where(sql<boolean>`(db_schema = current_schema()) IS NOT FALSE`)
    .where('status', 'in', unfinished)
    .returning([...jobColumns, 'options', readAt])
    .executeTakeFirst();
}

/** What an attempt may set when it ends its job. */
export type JobEnd = {
  status: 'completed' | 'failed';
  failure?: JobFailure;
  /** How long the file can be had from then on. */
  fileTtlMs?: number;
} & Partial<Pick<Job, 'total_records' | 'bytes_processed' | 'bytes_total' | 'successful' | 'file' | 'sha256'>>;

/** @returns the ended job, or undefined when this attempt no longer holds it. */
export async function endJob(
  db: Db,
  job: Pick<Job, 'id' | 'attempt'>,
  { fileTtlMs, ...end }: JobEnd,
): Promise<Job | undefined> {
  return await db
    .updateTable('bulk.jobs')
    .set({
      ...end,
      ...(fileTtlMs === undefined ? {} : { expires_at: sql<Date>`now() + ${interval(fileTtlMs)}` }),
      completed_at: sql<Date>`greatest(now(), started_at)`,
    })
    .where('id', '=', job.id)
    .where('attempt', '=', job.attempt)
    .where('status', '=', 'processing')
    .returning(shownColumns)
    .executeTakeFirst();
}

/** Committed work of one chunk, added to its job's counters. */
export interface Progress {
  successful: number;
  failed: number;
  errors: number;
  /** How far into the stored file the chunk reaches, in bytes. */
  reachedBytes: number;
}

/** Whether the job is still this attempt's to run, by the latest that is committed. */
export async function holdsJob(tx: TransactionSql, { id, attempt }: Pick<Job, 'id' | 'attempt'>): Promise<boolean> {
  const found = await tx`SELECT FROM bulk.jobs WHERE id = ${id} AND attempt = ${attempt} AND status = 'processing'`;
  return found.length > 0;
}

/**
 * The last statement of a chunk's transaction: counts it, provided that the attempt still holds the job.
 * @returns the job's errors so far; null when it was cancelled or another attempt has begun: roll back.
 */
export async function addProgress(
  tx: TransactionSql,
  job: Pick<Job, 'id' | 'attempt'>,
  done: Progress,
): Promise<number | null> {
  const [row] = await tx<{ error_count: number }[]>`
    UPDATE bulk.jobs SET successful = successful + ${done.successful}::int8, failed = failed + ${done.failed}::int8,
      error_count = error_count + ${done.errors}::int8,
      bytes_processed = greatest(bytes_processed, ${done.reachedBytes}::int8)
    WHERE id = ${job.id} AND attempt = ${job.attempt} AND status = 'processing' RETURNING error_count`;
  return row?.error_count ?? null;
}
