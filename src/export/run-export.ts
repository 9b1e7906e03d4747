// One attempt of one export job: rows out of the database → (gzip) → a file in storage → the job's end. A file counts
// only once the job's row names it; an attempt that was cancelled or overtaken removes its own.
import { pipeline, type Readable } from 'node:stream';
import { createGzip } from 'node:zlib';
import type { Kysely, Transaction } from 'kysely';
import type { Logger } from 'pino';
import { type Job, type JobEnd, startAttempt } from '../../db/jobs.ts';
import { verdictOf } from '../../db/sqlstate.ts';
import type { Database } from '../../db/tables.ts';
import { endAttempt } from '../end-job.ts';
import { perSecond } from '../figures.ts';
import type { FileStore, StoredFile } from '../file-store.ts';
import { JobFault, Overtaken } from '../import/job-fault.ts';
import { retryTransient } from '../import/retry.ts';
import type { JobObserver } from '../job-observer.ts';
import { gzipLevel } from './encode-rows.ts';
import { explainFailure } from './explain-failure.ts';
import { readOptions, requestOf } from './export-options.ts';
import type { RowSource } from './open-copy.ts';
import { openRows } from './open-rows.ts';
import { reportProgress } from './report-progress.ts';

/** What an export job needs of the process. */
export interface ExportServices {
  db: Kysely<Database>;
  /** This process, as the others know it. */
  runner: string;
  source: RowSource;
  files: FileStore;
  /** Passes on the bytes of the job's file, or throws a JobFault when there are too many of them. */
  meter(job: Job, content: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array>;
  /** Part of the transaction that completes the job. @throws JobFault `storage_quota` when there is no room for its file. */
  assertRoom(tx: Transaction<Database>, job: Job): Promise<void>;
  /** Queues the jobs that waited for this one. */
  enqueueReady(tx: Transaction<Database>): Promise<void>;
  /** How long a finished file is kept. */
  ttlMs: number;
  /** How long to try again while the database is away. */
  retryForMs: number;
  observer: JobObserver;
  log: Logger;
}

/** Bytes in the file so far. */
interface Written {
  bytes: number;
}

/**
 * Runs the next attempt of a job. Resolves when the job has ended or is no longer this attempt's.
 * @throws the signal's reason, or a transient error, when the job has not ended and must be handed on.
 */
export async function runExport(services: ExportServices, jobId: string, signal: AbortSignal): Promise<void> {
  const job = await startAttempt(services.db, 'export', jobId, services.runner);
  if (!job) return;
  const observer = services.observer.attemptStarted(job);
  const log = services.log.child({
    job_id: job.id,
    resource: job.resource,
    format: job.format,
    attempt: job.attempt,
    ...observer.logBindings,
  });
  const written: Written = { bytes: 0 };
  const progress = reportProgress(services.db, job, () => written.bytes, log);
  const held = AbortSignal.any([signal, progress.overtaken]);
  try {
    const { file, records } = await retryTransient(async () => await writeFile(services, job, written, held), {
      forMs: services.retryForMs,
      signal: held,
      onRetry: (error, failures) => log.warn({ err: error, failures }, 'Export will be tried again'),
    });
    await progress.stop();
    await complete({ ...services, log }, job, file, records, signal);
  } catch (error) {
    if (error instanceof Overtaken) return log.info('Export cancelled or taken over elsewhere');
    if (signal.aborted || verdictOf(error) === 'transient') throw error;
    await end({ ...services, log }, job, { status: 'failed', failure: explainFailure(error, log) }, signal);
  } finally {
    observer.ended();
    await progress.stop();
  }
}

async function writeFile(
  { source, files, meter }: ExportServices,
  job: Job,
  written: Written,
  signal: AbortSignal,
): Promise<{ file: StoredFile; records: number }> {
  written.bytes = 0;
  const { bytes: rows, countRecords } = await openRows(source, requestOf(job), { signal });
  try {
    // The error of either stream arrives on the one that is read.
    const bytes =
      readOptions(job).compression === 'gzip' ? pipeline(rows, createGzip({ level: gzipLevel }), () => {}) : rows;
    const file = await files.write(meter(job, measure(bytes, written)), { signal });
    return { file, records: countRecords() };
  } finally {
    // They keep their connection until somebody ends them: what failed before it read of them has not.
    rows.destroy();
  }
}

async function* measure(source: Readable, written: Written): AsyncGenerator<Uint8Array> {
  for await (const block of source) {
    written.bytes += block.length;
    yield block;
  }
}

async function complete(
  services: ExportServices,
  job: Job,
  { key, bytes, sha256 }: StoredFile,
  records: number,
  signal: AbortSignal,
): Promise<void> {
  const outcome: JobEnd = {
    status: 'completed',
    total_records: records,
    successful: records,
    bytes_processed: bytes,
    bytes_total: bytes,
    file: key,
    sha256,
    fileTtlMs: services.ttlMs,
  };
  try {
    const ended = await end(services, job, outcome, signal, services.assertRoom);
    if (!ended) await services.files.remove(key);
  } catch (error) {
    // After any other error the job may have been completed all the same.
    if (error instanceof JobFault && error.code === 'storage_quota') await services.files.remove(key);
    throw error;
  }
}

async function end(
  services: ExportServices,
  job: Job,
  outcome: JobEnd,
  signal: AbortSignal,
  also?: ExportServices['assertRoom'],
): Promise<Job | undefined> {
  const { log, retryForMs: forMs } = services;
  const ended = await endAttempt(services, job, outcome, { forMs, signal }, also);
  if (ended) report(ended, log);
  else log.info('Export cancelled or taken over elsewhere');
  return ended;
}

function report(ended: Job, log: Logger): void {
  const total = ended.total_records ?? 0;
  const durationMs = Number(ended.completed_at) - Number(ended.started_at);
  log.info(
    {
      ...(ended.failure ? { failure: ended.failure } : {}),
      total,
      bytes: ended.bytes_total,
      duration_ms: durationMs,
      rows_per_sec: perSecond(total, durationMs),
    },
    ended.status === 'completed' ? 'Export completed' : 'Export failed',
  );
}
