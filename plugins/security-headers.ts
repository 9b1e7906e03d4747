// Sets the headers that keep a browser from doing more with a response than showing it, before anything can answer.
import fp from 'fastify-plugin';
import { securityHeaders } from '../src/http/security-headers.ts';

export default fp(
  async (app) => {
    app.addHook('onRequest', async (_request, reply) => void reply.headers(securityHeaders));
  },
  { name: 'security-headers' },
);
