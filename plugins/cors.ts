// Which web pages may call the API from a browser, and which response headers they may read. Cookies play no part, so
// credentials never do.
import cors from '@fastify/cors';
import fp from 'fastify-plugin';
import type { Config } from '../src/config.ts';
import { allowedMethods } from '../src/http/allowed-methods.ts';
import { localOrigin } from '../src/http/local-requests.ts';
import { problem } from '../src/problems.ts';

const allowedHeaders = [
  'authorization',
  'x-api-key',
  'content-type',
  'accept',
  'idempotency-key',
  'x-request-id',
  'range',
  'if-range',
  'if-none-match',
  'last-event-id',
];
const exposedHeaders = [
  'location',
  'link',
  'retry-after',
  'idempotency-replayed',
  'x-request-id',
  'content-disposition',
  'content-range',
  'accept-ranges',
  'etag',
  'www-authenticate',
  'ratelimit',
  'ratelimit-policy',
];
const preflightMaxAgeSeconds = 600;

export default fp(
  async (app) => {
    // Not from a browser: OPTIONS as HTTP means it (RFC 9110, 9.3.7).
    app.addHook('onRequest', async ({ method, url, headers }, reply) => {
      if (method !== 'OPTIONS' || (headers.origin && headers['access-control-request-method'])) return;
      const allowed = url === '*' ? [] : allowedMethods(app, url);
      if (allowed.length === 0 && url !== '*') throw problem('not_found', 'there is nothing at this URL');
      return reply.code(204).header('allow', allowed.join(', ')).send();
    });
    await app.register(cors, {
      origin: originsOf(app.config),
      methods: ['GET', 'HEAD', 'POST'],
      allowedHeaders,
      exposedHeaders,
      credentials: false,
      maxAge: preflightMaxAgeSeconds,
    });
  },
  { name: 'cors', dependencies: ['problem-details'] },
);

function originsOf({ access: { keys, corsOrigin } }: Config): '*' | (string | RegExp)[] {
  if (corsOrigin?.includes('*')) return '*';
  if (corsOrigin) return [...corsOrigin];
  return keys.length > 0 ? '*' : [localOrigin];
}
