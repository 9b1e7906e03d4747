// Follows a job to its end: by server-sent events as long as they come, across lost connections (Last-Event-ID, back-off)
// and restarts of the service; by asking again and again where there are no events to be had.
import { EventSourceParserStream } from 'eventsource-parser/stream';
import { BulkConnectionError, BulkProblem, isPassing } from './bulk-problem.ts';
import type { Http } from './http.ts';
import { pause } from './pause.ts';
import type { JobStatus } from './types.ts';

export interface WatchOptions {
  signal?: AbortSignal;
  /** How long the service may be away before watching ends with the last error. Default 5 minutes. */
  lostForMs?: number;
  /** Told of a lost connection, and how long it is before the next attempt. */
  onLost?: (error: Error, retryInMs: number) => void;
  /** Time between two questions where there are no events. Default 1 second. */
  pollMs?: number;
}

const endedStatuses: readonly JobStatus[] = ['completed', 'failed', 'cancelled'];
const firstBackOffMs = 250;
const longestBackOffMs = 10_000;
/** The service sends a heartbeat more often than this; a connection on which nothing comes is a lost one. */
const longestSilenceMs = 60_000;
/** Streams that end before their first event: something in between keeps them from coming through. */
const maxEmptyStreams = 2;

export function hasEnded({ status }: { status: JobStatus }): boolean {
  return endedStatuses.includes(status);
}

/**
 * Every state that the service tells of, the last one ended.
 * @param path of the job.
 * @throws BulkProblem when there is no such job, or the key does not fit; the last error once `lostForMs` are over; the
 *   signal's reason.
 */
export async function* watchJob<State extends { status: JobStatus }>(
  http: Http,
  path: string,
  { signal, lostForMs = 300_000, onLost, pollMs = 1_000 }: WatchOptions = {},
): AsyncGenerator<State, void, undefined> {
  let lastEventId = '';
  let emptyStreams = 0;
  let polling = false;
  let lostAt: number | null = null;
  let backOffMs = firstBackOffMs;
  for (;;) {
    let lost: Error;
    try {
      if (polling) {
        for (;;) {
          const state = await http.json<State>(path, { signal, retryForMs: 0 });
          lostAt = null;
          backOffMs = firstBackOffMs;
          yield state;
          if (hasEnded(state)) return;
          await pause(pollMs, signal);
        }
      }
      emptyStreams++;
      for await (const event of openEvents(http, `${path}/events`, lastEventId, signal)) {
        emptyStreams = 0;
        lostAt = null;
        backOffMs = firstBackOffMs;
        lastEventId = event.id ?? lastEventId;
        const state = JSON.parse(event.data) as State;
        yield state;
        if (hasEnded(state)) return;
      }
      lost = new BulkConnectionError('the events ended before the job', null);
    } catch (error) {
      if (!polling && hasNoEvents(error)) {
        polling = true;
        continue;
      }
      if (!isPassing(error)) throw error;
      lost = error as Error;
    }
    if (emptyStreams > maxEmptyStreams && !isUnanswered(lost)) polling = true;
    lostAt ??= performance.now();
    if (performance.now() - lostAt > lostForMs) throw lost;
    // Not all of those who lost it at the same moment come back at the same moment.
    const waitMs = Math.round(backOffMs * (0.75 + Math.random() / 2));
    onLost?.(lost, waitMs);
    await pause(waitMs, signal);
    backOffMs = Math.min(2 * backOffMs, longestBackOffMs);
  }
}

/** An older service, a proxy that answers in its place, or more open streams than the service allows. */
function hasNoEvents(error: unknown): boolean {
  return error instanceof BulkProblem && [404, 405, 406, 429].includes(error.status) && error.code !== 'job_not_found';
}

function isUnanswered(error: Error): boolean {
  return error instanceof BulkConnectionError && error.code === 'ECONNREFUSED';
}

async function* openEvents(http: Http, path: string, lastEventId: string, signal?: AbortSignal) {
  const silence = new AbortController();
  const either = signal ? AbortSignal.any([signal, silence.signal]) : silence.signal;
  const listen = () => setTimeout(() => silence.abort(), longestSilenceMs);
  let timer = listen();
  const headers = { accept: 'text/event-stream', ...(lastEventId === '' ? {} : { 'last-event-id': lastEventId }) };
  try {
    const { body, headers: answered } = await http.send(path, { headers, signal: either, retryForMs: 0 });
    if (!body || !answered.get('content-type')?.startsWith('text/event-stream')) {
      await body?.cancel();
      throw new BulkProblem(406, answered, { detail: 'the answer is no stream of events' });
    }
    const heard = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
      transform(piece, controller) {
        clearTimeout(timer);
        timer = listen();
        controller.enqueue(piece);
      },
    });
    const events = body
      .pipeThrough(heard)
      .pipeThrough(new TextDecoderStream())
      .pipeThrough(new EventSourceParserStream());
    const reader = events.getReader();
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        if (value.event === 'progress' || value.event === 'end') yield value;
      }
    } finally {
      await reader.cancel().catch(() => {
        // It has failed already, and that was said.
      });
    }
  } catch (error) {
    if (signal?.aborted || error instanceof BulkProblem || error instanceof BulkConnectionError) throw error;
    throw new BulkConnectionError('the connection was lost', error);
  } finally {
    clearTimeout(timer);
  }
}
