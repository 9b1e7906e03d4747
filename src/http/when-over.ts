import type { ServerResponse } from 'node:http';

/**
 * Calls once a response is over, in whatever way; at once when it is. Fastify's onResponse is only for those that were sent
 * whole.
 * @param over `complete`: all of it was handed to the operating system; else the client left, or was cut off.
 */
export function whenOver(response: ServerResponse, over: (complete: boolean) => void): void {
  // Whoever waited for something before it came here may come after the client has left: no event will tell.
  if (response.closed) {
    over(response.writableFinished);
    return;
  }
  let complete = false;
  response.once('finish', () => {
    complete = true;
  });
  response.once('close', () => over(complete));
}
