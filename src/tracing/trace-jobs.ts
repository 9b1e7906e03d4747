// Spans of jobs: one of an attempt, under the request that made the job, whichever process took that; under it one of
// each chunk, and under this one of each stage. A stage is told when it ends, so its span is made at once with its start
// in the past. A chunk that was given up, and an attempt that did not end its job, say so.
import { type Attributes, type Span, SpanKind, SpanStatusCode, type Tracer } from '@opentelemetry/api';
import type { Job } from '../../db/jobs.ts';
import type { AttemptObserver, ChunkStage, ChunkStart, JobObserver } from '../job-observer.ts';
import { contextOf, logBindingsOf, readContext } from './propagation.ts';
import type { TraceContext } from './trace-context.ts';

export function traceJobs(tracer: Tracer, inner: JobObserver): JobObserver {
  /** Attempts of this process by job. */
  const attempts = new Map<string, AttemptSpan>();
  return {
    attemptStarted(job) {
      const attempt = new AttemptSpan(tracer, job, inner.attemptStarted(job), () => {
        // After a stall there may be a later one.
        if (attempts.get(job.id) === attempt) attempts.delete(job.id);
      });
      attempts.set(job.id, attempt);
      return attempt;
    },
    jobEnded(job) {
      inner.jobEnded(job);
      attempts.get(job.id)?.jobEnded(job);
    },
  };
}

class AttemptSpan implements AttemptObserver {
  readonly logBindings: Readonly<Record<string, string>>;
  readonly #tracer: Tracer;
  readonly #inner: AttemptObserver;
  readonly #span: Span;
  readonly #chunks = new Map<number, Span>();
  readonly #forget: () => void;
  #cutMs = 0;
  #jobEnded = false;

  constructor(tracer: Tracer, job: Job, inner: AttemptObserver, forget: () => void) {
    this.#tracer = tracer;
    this.#inner = inner;
    this.#forget = forget;
    const { trace = {} } = job.options as { trace?: Partial<TraceContext> };
    this.#span = tracer.startSpan(
      `${job.type} ${job.resource}`,
      {
        kind: SpanKind.CONSUMER,
        attributes: {
          'bulk.job_id': job.id,
          'bulk.resource': job.resource,
          'bulk.format': job.format,
          'bulk.attempt': job.attempt,
          'bulk.waited_ms': Date.now() - Number(job.created_at),
        },
      },
      readContext(trace),
    );
    this.logBindings = { ...inner.logBindings, ...logBindingsOf(this.#span) };
  }

  chunkCut(durationMs: number): void {
    this.#inner.chunkCut(durationMs);
    this.#cutMs = durationMs;
  }

  chunkStarted(chunk: ChunkStart): void {
    this.#inner.chunkStarted(chunk);
    // The file is read again once a thread was lost.
    this.#giveUp(chunk.index);
    const { index, firstLine, records } = chunk;
    const attributes = { 'bulk.chunk': index, 'bulk.first_line': firstLine, 'bulk.records': records };
    const startTime = Date.now() - this.#cutMs;
    this.#chunks.set(index, this.#tracer.startSpan('chunk', { attributes, startTime }, contextOf(this.#span)));
    this.#addStage(index, 'split', this.#cutMs);
  }

  stagePassed(chunk: number, stage: Exclude<ChunkStage, 'split'>, durationMs: number): void {
    this.#inner.stagePassed(chunk, stage, durationMs);
    this.#addStage(chunk, stage, durationMs);
  }

  chunkLoaded(chunk: number, counts: { loaded: number; rejected: number }): void {
    this.#inner.chunkLoaded(chunk, counts);
    const span = this.#chunks.get(chunk);
    span?.setAttributes({ 'bulk.loaded': counts.loaded, 'bulk.rejected': counts.rejected }).end();
    this.#chunks.delete(chunk);
  }

  jobEnded({ status, successful, failed, error_count, failure }: Job): void {
    this.#jobEnded = true;
    const attributes: Attributes = {
      'bulk.status': status,
      'bulk.successful': successful,
      'bulk.failed': failed,
      'bulk.row_errors': error_count,
    };
    if (failure) attributes['error.type'] = failure.code;
    this.#span.setAttributes(attributes);
    if (status === 'failed') this.#span.setStatus({ code: SpanStatusCode.ERROR });
  }

  ended(): void {
    this.#inner.ended();
    for (const chunk of this.#chunks.keys()) this.#giveUp(chunk);
    if (!this.#jobEnded) this.#span.setAttribute('bulk.status', 'handed_on');
    this.#span.end();
    this.#forget();
  }

  #addStage(chunk: number, stage: ChunkStage, durationMs: number): void {
    const parent = this.#chunks.get(chunk);
    if (!parent) return;
    const end = Date.now();
    this.#tracer.startSpan(stage, { startTime: end - durationMs }, contextOf(parent)).end(end);
  }

  #giveUp(chunk: number): void {
    const span = this.#chunks.get(chunk);
    span?.setAttribute('error.type', 'given_up').setStatus({ code: SpanStatusCode.ERROR }).end();
    this.#chunks.delete(chunk);
  }
}
