import type { ServerResponse } from 'node:http';
import { problem } from '../problems.ts';

/**
 * Aborts when a client leaves before it has the whole answer, or has left already; after it, too. What fails by that is
 * told as the client's doing: nobody reads the answer, but the log would call it a fault of ours.
 */
export function signalGone(response: ServerResponse): AbortSignal {
  const gone = new AbortController();
  const abort = () => gone.abort(problem('malformed_request', 'the client went away'));
  if (response.closed) abort();
  else response.once('close', abort);
  return gone.signal;
}
