// Who asks: finds the API key of a request, before it is decided how much (rate-limit.ts) and what (auth.ts) it may.
import type { FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import { type ApiKey, jobOwnerOf } from '../src/api-keys.ts';
import { matchKey, presentedSecret } from '../src/http/api-key-header.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** The key that the request was sent with; null when it has none, or one that is not known. */
    apiKey: ApiKey | null;
    /** Whose the jobs are that the request makes; null without keys. */
    readonly owner: string | null;
    /** Whose jobs the request may see, as if there were no others; undefined: everybody's. */
    readonly jobsOf: string | undefined;
  }
}

export default fp(
  async (app) => {
    const { keys } = app.config.access;
    app.decorateRequest('apiKey', null);
    app.decorateRequest('owner', {
      getter(this: FastifyRequest) {
        return this.apiKey && jobOwnerOf(this.apiKey);
      },
    });
    app.decorateRequest('jobsOf', {
      getter(this: FastifyRequest) {
        return this.apiKey?.owner ?? undefined;
      },
    });
    if (keys.length === 0) return;
    app.addHook('onRequest', async (request) => {
      const secret = presentedSecret(request.headers);
      if (secret !== null) request.apiKey = matchKey(keys, secret);
    });
  },
  { name: 'identity' },
);
