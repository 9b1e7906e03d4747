// Who may do what. With API keys: every route states the scope that it takes, and a route that states none keeps the
// service from starting. Without: only requests from this machine are served, unless AUTH=none says that all are meant.
import type { FastifyRequest, onRequestAsyncHookHandler, RouteOptions } from 'fastify';
import fp from 'fastify-plugin';
import type { Scope } from '../src/api-keys.ts';
import { presentedSecret } from '../src/http/api-key-header.ts';
import { isLocalHost, isLocalOrigin } from '../src/http/local-requests.ts';
import { problem } from '../src/problems.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** What the API key of a request must be allowed to do; `public`: no key is needed. */
    scope: Scope | 'public';
  }
}

const scopes: readonly unknown[] = ['read', 'write', 'public'];

export default fp(
  async (app) => {
    const { keys, open, corsOrigin } = app.config.access;
    const routes: RouteOptions[] = [];
    app.addHook('onRoute', (route) => void routes.push(route));
    // Not at once: whoever registers the routes of a package gives them their scope in a hook that runs after this one.
    app.addHook('onReady', async () => {
      for (const { method, url, config } of routes) {
        if (!scopes.includes(config?.scope)) throw new Error(`route ${method} ${url} states no scope`);
      }
    });
    if (keys.length > 0) app.addHook('onRequest', checkKey);
    else if (!open) app.addHook('onRequest', checkLocal(corsOrigin ?? []));
  },
  { name: 'auth', dependencies: ['cors', 'identity'] },
);

async function checkKey(request: FastifyRequest): Promise<void> {
  const scope = scopeOf(request);
  if (scope === 'public') return;
  const { apiKey } = request;
  if (!apiKey) throw refuseStranger(request);
  if (apiKey.scopes.includes(scope)) return;
  const challenge = `Bearer error="insufficient_scope", scope="${scope}"`;
  const detail = `the API key '${apiKey.name}' may not ${scope}; it has the scope ${apiKey.scopes.join(' and ')}`;
  throw problem('forbidden', detail, {}, { 'www-authenticate': challenge });
}

function refuseStranger({ headers }: FastifyRequest): Error {
  if (presentedSecret(headers) === null) {
    const detail = 'send an API key as Authorization: Bearer or as X-API-Key';
    return problem('unauthorized', detail, {}, { 'www-authenticate': 'Bearer' });
  }
  return problem('unauthorized', 'no such API key', {}, { 'www-authenticate': 'Bearer error="invalid_token"' });
}

/** Where nothing is, nothing needs protection. A route from before the hook above (the preflights') gets the strictest. */
function scopeOf({ is404, routeOptions }: FastifyRequest): Scope | 'public' {
  return is404 ? 'public' : (routeOptions.config.scope ?? 'write');
}

function checkLocal(listedOrigins: readonly string[]): onRequestAsyncHookHandler {
  return async ({ headers: { host, origin } }) => {
    if (!isLocalHost(host)) {
      throw problem('not_local', 'without API keys only requests to localhost are served (API_KEYS, AUTH=none)');
    }
    if (origin !== undefined && !isLocalOrigin(origin, listedOrigins)) {
      throw problem('not_local', 'without API keys only pages of localhost and of CORS_ORIGIN are served');
    }
  };
}
