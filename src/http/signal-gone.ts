import type { ServerResponse } from 'node:http';
import { problem } from '../problems.ts';
import { whenOver } from './when-over.ts';

/**
 * Aborts when a client leaves before it has the whole answer, or has left already; after it, too. What fails by that is
 * told as the client's doing: nobody reads the answer, but the log would call it a fault of ours.
 */
export function signalGone(response: ServerResponse): AbortSignal {
  const gone = new AbortController();
  whenOver(response, () => gone.abort(problem('malformed_request', 'the client went away')));
  return gone.signal;
}
