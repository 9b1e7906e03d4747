// An export job as the API shows it.

import { type Static, Type } from 'typebox';
import type { Job } from '../../db/jobs.ts';
import { elapsedMs, perSecond } from '../figures.ts';
import { JobStatusSchema } from '../import/import-view.ts';
import { cursorPattern } from '../page-cursor.ts';
import { readOptions } from './export-options.ts';

const Count = Type.Integer({ minimum: 0 });
const OptionalTime = Type.Union([Type.String({ format: 'date-time' }), Type.Null()]);

export const ExportSchema = Type.Object(
  {
    job_id: Type.String({ format: 'uuid' }),
    type: Type.Literal('export'),
    resource: Type.String(),
    format: Type.String(),
    compression: Type.Union([Type.Literal('gzip'), Type.Null()]),
    status: JobStatusSchema,
    total_records: Type.Union([Count, Type.Null()], { description: 'null until the job is completed.' }),
    bytes: Type.Integer({ minimum: 0, description: 'Of the file; while the job runs, those written so far.' }),
    duration_ms: Type.Union([Count, Type.Null()]),
    rows_per_sec: Type.Union([Count, Type.Null()]),
    created_at: Type.String({ format: 'date-time' }),
    started_at: OptionalTime,
    completed_at: OptionalTime,
    download_url: Type.Optional(Type.String({ description: 'Present while there is a file to download.' })),
    expires_at: Type.Optional(Type.String({ format: 'date-time' })),
    sha256: Type.Optional(Type.String({ description: 'Of the file, hexadecimal.' })),
    failure: Type.Optional(Type.Object({ code: Type.String(), detail: Type.String() })),
  },
  { title: 'Export' },
);

export const AcceptedExportSchema = Type.Object(
  { job_id: Type.String({ format: 'uuid' }), status: JobStatusSchema, resource: Type.String(), format: Type.String() },
  { title: 'AcceptedExport' },
);

export const ExportPageSchema = Type.Object(
  {
    exports: Type.Array(ExportSchema),
    next: Type.Optional(Type.String({ pattern: cursorPattern, description: 'The `after` of the page that follows.' })),
  },
  { title: 'ExportPage' },
);

export function viewExport(job: Job): Static<typeof ExportSchema> {
  const { started_at, completed_at, expires_at, total_records } = job;
  const durationMs = started_at ? elapsedMs(started_at, completed_at ?? job.read_at) : null;
  return {
    job_id: job.id,
    type: 'export',
    resource: job.resource,
    format: job.format,
    compression: readOptions(job).compression,
    status: job.status,
    total_records,
    bytes: job.bytes_total ?? job.bytes_processed,
    duration_ms: durationMs,
    rows_per_sec: total_records === null || durationMs === null ? null : perSecond(total_records, durationMs),
    created_at: job.created_at.toISOString(),
    started_at: started_at?.toISOString() ?? null,
    completed_at: completed_at?.toISOString() ?? null,
    ...(hasFile(job) ? { download_url: `/v1/exports/${job.id}/download` } : {}),
    ...(expires_at ? { expires_at: expires_at.toISOString() } : {}),
    ...(job.sha256 ? { sha256: job.sha256 } : {}),
    ...(job.failure ? { failure: { code: job.failure.code, detail: job.failure.detail } } : {}),
  };
}

/** Whether the job's file can be had: complete, not expired, not swept. */
export function hasFile(job: Job): job is Job & { file: string; sha256: string } {
  return job.status === 'completed' && job.file !== null && (job.expires_at === null || job.expires_at > job.read_at);
}
