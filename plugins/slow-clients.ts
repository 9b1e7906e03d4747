// Ends requests whose client sends too slowly (408), and connections whose client goes on sending long after it has had
// its answer. Clients that read too slowly: see stream-pool.ts and export-jobs.ts.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import fp from 'fastify-plugin';
import { clientGone } from '../src/http/signal-gone.ts';
import { isOver, watchBody } from '../src/http/watch-body.ts';
import { problem } from '../src/problems.ts';

export default fp(
  async (app) => {
    const { clientPace } = app.config;
    app.addHook('onRequest', async ({ raw: request, log }, { raw: response }) => {
      if (request.socket instanceof Socket) await ownTurn(response);
      watchBody(request, clientPace, () => {
        log.info('The client sends too slowly');
        endRequest(request, response);
      });
      response.once('finish', () => limitRest(request, clientPace.stallTimeoutMs));
    });
  },
  { name: 'slow-clients', dependencies: ['problem-details'] },
);

/**
 * Waits until the answers before it on the same connection (HTTP pipelining) are sent: until then it has no connection that could be
 * watched, and would hold a database's for as long as its client likes.
 * @throws Problem when the client left before.
 */
async function ownTurn(response: ServerResponse): Promise<void> {
  if (response.socket === null && !response.closed) {
    await new Promise<void>((resolve) => void response.once('socket', () => resolve()).once('close', resolve));
  }
  if (response.closed) throw clientGone();
}

/** Whoever reads the body meets the problem as an error of the stream, and its cleaning up is that of any other error. */
function endRequest(request: IncomingMessage, response: ServerResponse): void {
  if (response.headersSent || request.listenerCount('error') === 0) {
    request.destroy();
    return;
  }
  const detail = 'the request did not arrive in time (CLIENT_STALL_TIMEOUT, CLIENT_MIN_RATE)';
  request.emit('error', problem('request_timeout', detail, {}, { connection: 'close' }));
}

/** The rest of a request that was refused is read and dropped, so that its client gets to see why; but not for ever. */
function limitRest(request: IncomingMessage, forMs: number): void {
  if (isOver(request)) return;
  const timer = setTimeout(() => request.destroy(), forMs).unref();
  request.once('close', () => clearTimeout(timer));
}
