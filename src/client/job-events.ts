// The states of a job as one stream of server-sent events tells them. What comes after that stream is for watch-job.ts.
import { EventSourceParserStream } from 'eventsource-parser/stream';
import { BulkConnectionError, BulkProblem } from './bulk-problem.ts';
import type { Http } from './http.ts';

/** The service sends a heartbeat more often than this; a connection on which nothing comes is a lost one. */
const longestSilenceMs = 60_000;
/** It sends something at once; if that does not come, something in between keeps the stream until it is complete. */
const firstSilenceMs = 20_000;

export interface ToldState<State> {
  state: State;
  /** Of the event. */
  id?: string;
}

/**
 * @param path of the job. @param lastEventId of the last state that is known; empty: none.
 * @throws BulkProblem; BulkConnectionError when the stream breaks off, or nothing comes for long; the signal's reason.
 */
export async function* tellStates<State>(
  http: Http,
  path: string,
  lastEventId: string,
  signal?: AbortSignal,
): AsyncGenerator<ToldState<State>, void, undefined> {
  const silence = new AbortController();
  const either = signal ? AbortSignal.any([signal, silence.signal]) : silence.signal;
  const listen = (ms: number) => setTimeout(() => silence.abort(new Error(`nothing came for ${ms / 1000} s`)), ms);
  let timer = listen(firstSilenceMs);
  const headers = { accept: 'text/event-stream', ...(lastEventId === '' ? {} : { 'last-event-id': lastEventId }) };
  try {
    const { body, headers: answered } = await http.send(`${path}/events`, { headers, signal: either, retryForMs: 0 });
    if (!body || !answered.get('content-type')?.startsWith('text/event-stream')) {
      await body?.cancel();
      throw new BulkProblem(406, answered, { detail: 'the answer is no stream of events' });
    }
    const heard = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
      transform(piece, controller) {
        clearTimeout(timer);
        timer = listen(longestSilenceMs);
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
        if (value.event !== 'progress' && value.event !== 'end') continue;
        yield { state: JSON.parse(value.data) as State, id: value.id };
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
