import type { ServerResponse } from 'node:http';
import { type Problem, problem } from '../problems.ts';
import { whenOver } from './when-over.ts';

/** What fails because a client left is told as the client's doing: nobody reads the answer, but the log would call it a fault of ours. */
export const clientGone = (): Problem => problem('malformed_request', 'the client went away');

/** Aborts with clientGone() when a client leaves before it has the whole answer, or has left already; after it, too. */
export function signalGone(response: ServerResponse): AbortSignal {
  const gone = new AbortController();
  whenOver(response, () => gone.abort(clientGone()));
  return gone.signal;
}
