// How many requests a caller may send in a minute: an API key, or else a client address (of IPv6 its /64 network, which
// is what one client is given). Every response tells the state (draft-ietf-httpapi-ratelimit-headers-11). Counted in
// this process alone, so that no request waits for a store elsewhere.
import rateLimit, { normalizeIP } from '@fastify/rate-limit';
import type { FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import { problem } from '../src/problems.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Neither counted nor refused: who asks whether the service lives must get an answer. */
    unlimited?: true;
  }
}

const windowSeconds = 60;
const policy = 'requests';

export default fp(
  async (app) => {
    const { requestsPerMinute } = app.config.http;
    if (requestsPerMinute === 0) return;
    await app.register(rateLimit, { global: false });
    const count = app.createRateLimit({
      max: requestsPerMinute,
      timeWindow: windowSeconds * 1000,
      // Of a client that has left already there is no address.
      keyGenerator: ({ apiKey, ip }) => (apiKey ? `key ${apiKey.name}` : `address ${normalizeIP(ip ?? '')}`),
    });
    const policyHeader = `"${policy}";q=${requestsPerMinute};w=${windowSeconds}`;

    app.addHook('onRequest', async (request, reply) => {
      if (request.routeOptions.config?.unlimited) return;
      const state = await count(request);
      if (state.isAllowed) return;
      const { remaining, ttlInSeconds, isExceeded } = state;
      reply.header('ratelimit-policy', policyHeader);
      reply.header('ratelimit', `"${policy}";r=${remaining};t=${ttlInSeconds}`);
      if (isExceeded) throw refuse(request, requestsPerMinute, ttlInSeconds);
    });
  },
  { name: 'rate-limit', dependencies: ['identity', 'problem-details'] },
);

function refuse({ apiKey }: FastifyRequest, requestsPerMinute: number, retrySeconds: number): Error {
  const caller = apiKey ? `the API key '${apiKey.name}'` : 'this address';
  const detail = `${caller} may send ${requestsPerMinute} requests a minute; try again in ${retrySeconds} seconds`;
  return problem(
    'too_many_requests',
    detail,
    { 'violated-policies': [policy] },
    { 'retry-after': String(retrySeconds) },
  );
}
