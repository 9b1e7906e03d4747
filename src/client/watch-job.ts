// Follows a job to its end: by server-sent events as long as they come, across lost connections (Last-Event-ID, back-off)
// and restarts of the service; by asking again and again where there are no events to be had.
import { BulkConnectionError, BulkProblem, isPassing } from './bulk-problem.ts';
import type { Http } from './http.ts';
import { type ToldState, tellStates } from './job-events.ts';
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
/** Streams in a row that end, or are lost, before their first event: they do not come through. */
const maxEmptyStreams = 3;

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
    let told = false;
    try {
      const states = polling
        ? pollStates<State>(http, path, pollMs, signal)
        : tellStates<State>(http, path, lastEventId, signal);
      for await (const { state, id } of states) {
        told = true;
        lostAt = null;
        backOffMs = firstBackOffMs;
        lastEventId = id ?? lastEventId;
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
    emptyStreams = told ? 0 : emptyStreams + (brokeOff(lost) ? 1 : 0);
    if (!polling && emptyStreams >= maxEmptyStreams) {
      polling = true;
      continue;
    }
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

/** Somebody was there. */
function brokeOff(error: Error): boolean {
  return error instanceof BulkConnectionError && error.code !== 'ECONNREFUSED';
}

/** Without an end: who reads it stops. */
async function* pollStates<State>(
  http: Http,
  path: string,
  pollMs: number,
  signal?: AbortSignal,
): AsyncGenerator<ToldState<State>, void, undefined> {
  for (;;) {
    yield { state: await http.json<State>(path, { signal, retryForMs: 0 }) };
    await pause(pollMs, signal);
  }
}
