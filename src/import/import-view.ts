// An import as the API shows it.
import type { Kysely } from 'kysely';
import { type Static, Type } from 'typebox';
import { findGapFreeRecord, findUnprocessedLines } from '../../db/chunks.ts';
import type { Job } from '../../db/jobs.ts';
import { findAwaited, type Parents } from '../../db/queue-entries.ts';
import { listRowErrors } from '../../db/row-errors.ts';
import { type Database, endedStatuses, type RowErrorsTable } from '../../db/tables.ts';
import { elapsedMs, percentage, perSecond } from '../figures.ts';

const listedErrors = 100;

const Count = Type.Integer({ minimum: 0 });
const OptionalTime = Type.Union([Type.String({ format: 'date-time' }), Type.Null()]);
export const jobStatuses = ['pending', 'processing', 'completed', 'failed', 'cancelled'] as const;
export const JobStatusSchema = Type.Enum([...jobStatuses], { title: 'JobStatus' });

export const RowErrorSchema = Type.Object(
  {
    line: Type.Integer({
      minimum: 1,
      description: 'Physical line where the record starts; the header of a CSV is line 1.',
    }),
    record: Type.Integer({ minimum: 1, description: 'Ordinal of the record in the file.' }),
    field: Type.Optional(Type.String()),
    code: Type.String(),
    message: Type.String(),
    value: Type.Optional(
      Type.String({
        description:
          'What was received, cut at 200 characters; of duplicate and reference what would have been stored: UUIDs in lower case, without outer blanks.',
      }),
    ),
  },
  { title: 'RowError' },
);

export const ImportSummarySchema = Type.Object(
  {
    job_id: Type.String({ format: 'uuid' }),
    type: Type.Literal('import'),
    resource: Type.String(),
    format: Type.String(),
    file_name: Type.String(),
    status: JobStatusSchema,
    total_records: Type.Union([Count, Type.Null()], { description: 'null until the end of the file is known.' }),
    processed: Count,
    successful: Count,
    failed: Count,
    error_count: Count,
    error_rate_pct: Type.Number(),
    progress_pct: Type.Number(),
    bytes_total: Count,
    bytes_processed: Count,
    duration_ms: Type.Union([Count, Type.Null()]),
    rows_per_sec: Type.Union([Count, Type.Null()]),
    created_at: Type.String({ format: 'date-time' }),
    started_at: OptionalTime,
    completed_at: OptionalTime,
    failure: Type.Optional(Type.Object({ code: Type.String(), detail: Type.String(), line: Type.Optional(Count) })),
    error_report: Type.String(),
  },
  { title: 'ImportSummary' },
);

export const ImportProgressSchema = Type.Interface(
  [ImportSummarySchema],
  {
    waiting_for: Type.Optional(Type.Array(Type.String({ format: 'uuid' }))),
    unprocessed: Type.Optional(
      Type.Array(
        Type.Object({
          from_line: Count,
          to_line: Type.Union([Count, Type.Null()], { description: 'null: to the end of the file.' }),
        }),
      ),
    ),
  },
  { title: 'ImportProgress' },
);

export const ImportSchema = Type.Interface(
  [ImportProgressSchema],
  { errors: Type.Array(RowErrorSchema, { description: `The first ${listedErrors}, by line.` }) },
  { title: 'Import' },
);

export type RowErrorView = Static<typeof RowErrorSchema>;

export function hasEnded({ status }: Pick<Job, 'status'>): boolean {
  return endedStatuses.some((ended) => ended === status);
}

/** How far the file's errors can be listed without one turning up later before the last. */
export async function listableThrough(db: Kysely<Database>, job: Job): Promise<number> {
  return hasEnded(job) ? Number.MAX_SAFE_INTEGER : await findGapFreeRecord(db, job.id);
}

export function viewRowError({ line, record, field, code, message, value }: RowErrorsTable): RowErrorView {
  return { line, record, ...(field === null ? {} : { field }), code, message, ...(value === null ? {} : { value }) };
}

/** The job without what further queries would be needed for. */
export function summariseImport(job: Job): Static<typeof ImportSummarySchema> {
  const processed = job.successful + job.failed;
  const bytesTotal = job.bytes_total ?? 0;
  const durationMs = job.started_at ? elapsedMs(job.started_at, job.completed_at ?? job.read_at) : null;
  const share = bytesTotal > 0 ? (Math.min(job.bytes_processed, bytesTotal) / bytesTotal) * 100 : 0;
  return {
    job_id: job.id,
    type: 'import',
    resource: job.resource,
    format: job.format,
    file_name: String((job.options as { fileName?: unknown }).fileName ?? ''),
    status: job.status,
    total_records: job.total_records,
    processed,
    successful: job.successful,
    failed: job.failed,
    error_count: job.error_count,
    error_rate_pct: percentage(job.failed, processed),
    progress_pct: job.status === 'completed' ? 100 : Math.floor(share * 10) / 10,
    bytes_total: bytesTotal,
    bytes_processed: job.bytes_processed,
    duration_ms: durationMs,
    rows_per_sec: durationMs === null ? null : perSecond(processed, durationMs),
    created_at: job.created_at.toISOString(),
    started_at: job.started_at?.toISOString() ?? null,
    completed_at: job.completed_at?.toISOString() ?? null,
    ...(job.failure ? { failure: job.failure } : {}),
    error_report: `/v1/imports/${job.id}/errors`,
  };
}

/** The job without its row errors. @param of whose jobs alone there are, for the caller; undefined: everybody's. */
export async function viewProgress(
  db: Kysely<Database>,
  job: Job,
  parents: Parents,
  of: string | undefined,
): Promise<Static<typeof ImportProgressSchema>> {
  const awaited = job.status === 'pending' ? await findAwaited(db, job, parents, of) : [];
  const endedEarly = job.status === 'failed' || job.status === 'cancelled';
  return {
    ...summariseImport(job),
    ...(awaited.length > 0 ? { waiting_for: awaited } : {}),
    ...(endedEarly ? { unprocessed: await findUnprocessedLines(db, job) } : {}),
  };
}

/** @param of whose jobs alone there are, for the caller; undefined: everybody's. */
export async function viewImport(
  db: Kysely<Database>,
  job: Job,
  parents: Parents,
  of: string | undefined,
): Promise<Static<typeof ImportSchema>> {
  // Most jobs have none, and are asked after all the time.
  const errors = job.error_count === 0 ? [] : await listFirstErrors(db, job);
  return { ...(await viewProgress(db, job, parents, of)), errors };
}

async function listFirstErrors(db: Kysely<Database>, job: Job): Promise<RowErrorView[]> {
  const throughRecord = await listableThrough(db, job);
  return (await listRowErrors(db, job.id, { throughRecord, limit: listedErrors })).map(viewRowError);
}
