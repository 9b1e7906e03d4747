// What an export job keeps of its request (bulk.jobs.options): enough for every attempt to export the same.
import type { Job } from '../../db/jobs.ts';
import type { Format } from '../resources/formats.ts';
import { resourceNamed } from '../resources/index.ts';
import type { TraceContext } from '../tracing/trace-context.ts';
import type { ExportRequest } from './parse-selection.ts';
import type { Selection } from './selection.ts';

export interface ExportOptions {
  /** Of a job that is running here: others are read without it (db/jobs.ts). */
  selection: Selection;
  compression: 'gzip' | null;
  /** Of the request. */
  trace?: TraceContext;
}

export function readOptions(job: Pick<Job, 'options'>): ExportOptions {
  return job.options as unknown as ExportOptions;
}

export function requestOf(job: Job): ExportRequest {
  return { resource: resourceNamed(job.resource), format: job.format as Format, selection: readOptions(job).selection };
}

/** `articles.ndjson`, or `articles.ndjson.gz`. */
export function fileNameOf(resource: string, format: string, compression: ExportOptions['compression'] = null): string {
  return `${resource}.${format}${compression === 'gzip' ? '.gz' : ''}`;
}
