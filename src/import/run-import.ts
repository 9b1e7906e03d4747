// One attempt of one import, from the stored file to the ended job. What an earlier attempt committed is passed over;
// what this one does not reach is left to the next.
import type { Kysely, Transaction } from 'kysely';
import type { Logger } from 'pino';
import { findCheckpoints } from '../../db/chunks.ts';
import type { Connection, Sql } from '../../db/client.ts';
import { findConstraintNames } from '../../db/constraint-names.ts';
import { createGiveWay } from '../../db/give-way.ts';
import { type Job, type JobEnd, startAttempt } from '../../db/jobs.ts';
import { endEarlierLoaders, openLoaders } from '../../db/loaders.ts';
import { chooseReferenceCheck } from '../../db/reference-check.ts';
import { sqlstateOf, verdictOf } from '../../db/sqlstate.ts';
import type { Database } from '../../db/tables.ts';
import type { Chunk, ParsedChunk, ParseRequest } from '../../workers/messages.ts';
import type { Config } from '../config.ts';
import { endAttempt } from '../end-job.ts';
import { percentage, perSecond } from '../figures.ts';
import type { FileStore } from '../file-store.ts';
import type { AttemptObserver, JobObserver } from '../job-observer.ts';
import { tableShapeOf } from '../resource-table.ts';
import { resourceNamed } from '../resources/index.ts';
import { NoThread } from '../run-in-threads.ts';
import type { Slots } from '../slots.ts';
import { BlockReader } from './block-reader.ts';
import { Checkpoints } from './checkpoints.ts';
import type { ChunkMemory } from './chunk-memory.ts';
import { ChunkPipeline } from './chunk-pipeline.ts';
import { explainFailure } from './explain-failure.ts';
import type { ImportOptions } from './import-options.ts';
import { JobFault, Overtaken } from './job-fault.ts';
import { type LoadContext, loadChunk } from './load-chunk.ts';
import { retryTransient } from './retry.ts';
import { isLostThread, retryLostThreads, ThreadLost } from './retry-lost-threads.ts';
import { openRecords, type RecordFile } from './split-records.ts';

/** What an import needs of the process. */
export interface ImportServices {
  config: Config;
  connection: Connection;
  db: Kysely<Database>;
  /** This process, as the others know it. */
  runner: string;
  uploads: FileStore;
  /** Parses and validates in a worker thread. */
  parse(request: ParseRequest): Promise<ParsedChunk>;
  /** Bounds the chunks in flight of the process. */
  chunkSlots: Slots;
  chunkMemory: ChunkMemory;
  /** Queues the jobs that waited for this one. */
  enqueueReady(tx: Transaction<Database>): Promise<void>;
  observer: JobObserver;
  log: Logger;
}

/**
 * Runs the next attempt of a job. Resolves when the job has ended or is no longer this attempt's.
 * @throws the signal's reason, NoThread, or a transient error, when the job has not ended and must be handed on.
 */
export async function runImport(services: ImportServices, jobId: string, signal: AbortSignal): Promise<void> {
  const job = await startAttempt(services.db, 'import', jobId, services.runner);
  if (!job) return;
  const observer = services.observer.attemptStarted(job);
  const log = services.log.child({
    job_id: job.id,
    resource: job.resource,
    attempt: job.attempt,
    ...observer.logBindings,
  });
  const sql = openLoaders(services.connection, job, services.config.import.connections);
  /** Known once the file has been read to its end, whatever comes of its last chunks. */
  let records: number | null = null;
  try {
    await endEarlierLoaders(services.db, job);
    const context = await prepareLoading(sql, job, {
      giveWay: createGiveWay(services.connection),
      ...{ observer, signal, log },
    });
    await retryLostThreads(async () => {
      const checkpoints = new Checkpoints(await findCheckpoints(services.db, job.id));
      const file = await openUpload(services, job, observer, signal);
      await loadFile({ ...services, log }, context, checkpoints, file, signal, (found) => {
        records = found;
      });
    }, log);
    await end(
      { ...services, log },
      job,
      { status: 'completed', total_records: records, bytes_processed: job.bytes_total ?? 0 },
      signal,
    );
  } catch (error) {
    if (error instanceof Overtaken) return log.info('Import ended or taken over elsewhere');
    if (signal.aborted || verdictOf(error) === 'transient' || error instanceof NoThread) throw error;
    const failure = explainFailure(error, log);
    await end({ ...services, log }, job, { status: 'failed', total_records: records, failure }, signal);
  } finally {
    observer.ended();
    await sql.end({ timeout: 5 });
  }
}

type RunContext = LoadContext & { observer: AttemptObserver };

async function prepareLoading(
  sql: Sql,
  job: Job,
  { log, ...given }: Pick<RunContext, 'giveWay' | 'observer' | 'signal'> & { log: Logger },
): Promise<RunContext> {
  const resource = resourceNamed(job.resource);
  const shape = tableShapeOf(resource);
  const { mode, reasons } = await chooseReferenceCheck(sql, shape);
  log.info({ reference_check: mode, ...(reasons.length > 0 ? { because: reasons } : {}) }, 'Import started');
  const constraints = await findConstraintNames(sql, shape, resource.keys);
  return { sql, job, resource, references: mode, constraints, probeFirst: false, ...given };
}

/** Reads the beginning of the stored file: its format, a CSV's header. */
async function openUpload(
  { config, uploads, chunkMemory }: ImportServices,
  job: Job,
  observer: AttemptObserver,
  signal: AbortSignal,
): Promise<RecordFile> {
  const gone = () => new JobFault('upload_gone', 'the uploaded file is no longer stored');
  if (job.file === null) throw gone();
  const options = job.options as unknown as ImportOptions;
  const opening = openRecords(new BlockReader(uploads.path(job.file), job.bytes_total ?? 0), {
    resource: resourceNamed(job.resource),
    format: options.format,
    gzip: options.gzip,
    delimiter: options.delimiter,
    maxRecords: options.chunkRecords,
    maxChunkBytes: options.chunkBytes,
    maxRecordBytes: config.import.maxRecordBytes,
    maxUnpackedBytes: config.import.maxUnpackedBytes,
    memory: chunkMemory,
    onCut: (durationMs) => observer.chunkCut(durationMs),
    signal,
  });
  return await opening.catch((error: unknown) => {
    throw sqlstateOf(error) === 'ENOENT' ? gone() : error;
  });
}

/** Takes every chunk of the file through the pipeline. @param onRead told how many records the file has, once all are found. */
async function loadFile(
  services: ImportServices,
  context: RunContext,
  checkpoints: Checkpoints,
  file: RecordFile,
  signal: AbortSignal,
  onRead: (records: number) => void,
): Promise<void> {
  const { config, chunkSlots, log } = services;
  const { observer } = context;
  const request = {
    jobId: context.job.id,
    resource: context.resource.name,
    format: file.format,
    csv: file.csv,
    rowOrder: context.references === 'triggers' ? 'reference' : 'key',
  } satisfies Partial<ParseRequest>;
  const now = context.job.created_at.toISOString();
  let records = 0;
  let diverted = 0;
  const pipeline = new ChunkPipeline(
    {
      log,
      memory: services.chunkMemory,
      parse: async ({ bytes, table, ...place }: Chunk) => {
        try {
          const parsed = await services.parse({ ...request, now, firstRecord: place.firstRecord, bytes, table });
          observer.stagePassed(place.index, 'parse', parsed.parseMs);
          return parsed;
        } catch (error) {
          throw isLostThread(error) ? new ThreadLost(place, error) : error;
        }
      },
      load: async (chunk, parsed, contested) => {
        const startedAt = performance.now();
        const done = await retryTransient(async () => await loadChunk(context, chunk, parsed, contested), {
          forMs: config.database.retryForMs,
          signal,
          onRetry: (error, failures) =>
            log.warn({ err: error, chunk: chunk.index, failures }, 'Chunk will be tried again'),
        });
        observer.stagePassed(chunk.index, 'load', performance.now() - startedAt);
        observer.chunkLoaded(chunk.index, done);
        diverted += done.diverted;
        if (done.jobErrors > config.import.maxRowErrors) {
          throw new JobFault('too_many_errors', `more than ${config.import.maxRowErrors} row errors (MAX_ROW_ERRORS)`);
        }
        return done;
      },
    },
    signal,
  );
  try {
    for await (const chunk of file.chunks) {
      records += chunk.records;
      if (checkpoints.cover(chunk)) continue;
      const release = await chunkSlots.acquire(signal);
      observer.chunkStarted(chunk);
      pipeline.add(chunk, release);
    }
    onRead(records);
    await pipeline.drain();
    if (diverted > 0) log.warn({ rows: diverted }, 'A trigger dropped rows that the table took, or put them elsewhere');
  } catch (error) {
    // A file that cannot be read on, a stop: what is being loaded is committed all the same. A chunk that failed comes first: the
    // file may have to be read again.
    await pipeline.drain();
    throw error;
  }
}

async function end(services: ImportServices, job: Job, outcome: JobEnd, signal: AbortSignal): Promise<void> {
  const { config, log } = services;
  const ended = await endAttempt(services, job, outcome, { forMs: config.database.retryForMs, signal });
  if (!ended) return log.info('Import ended or taken over elsewhere');
  const total = ended.successful + ended.failed;
  const durationMs = Number(ended.completed_at) - Number(ended.started_at);
  log.info(
    {
      ...(ended.failure ? { failure: ended.failure } : {}),
      total,
      successful: ended.successful,
      failed: ended.failed,
      error_rate_pct: percentage(ended.failed, total),
      duration_ms: durationMs,
      rows_per_sec: perSecond(total, durationMs),
    },
    ended.status === 'completed' ? 'Import completed' : 'Import failed',
  );
}
