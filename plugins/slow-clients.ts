// Ends requests whose client sends too slowly (408), and connections whose client goes on sending long after it has had
// its answer. Clients that read too slowly: see stream-pool.ts and export-jobs.ts.
import type { IncomingMessage, ServerResponse } from 'node:http';
import fp from 'fastify-plugin';
import { isOver, watchBody } from '../src/http/watch-body.ts';
import { problem } from '../src/problems.ts';

export default fp(
  async (app) => {
    const { clientPace } = app.config;
    app.addHook('onRequest', async ({ raw: request, log }, { raw: response }) => {
      watchBody(request, clientPace, () => {
        log.info('The client sends too slowly');
        endRequest(request, response);
      });
      response.once('finish', () => limitRest(request, clientPace.stallTimeoutMs));
    });
  },
  { name: 'slow-clients', dependencies: ['problem-details'] },
);

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
