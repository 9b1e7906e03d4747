// The API's documentation: /openapi.json for programs, /docs for people (Swagger UI, served from its package: nothing is
// fetched from elsewhere). Public: it tells what the service can do, and nothing of what it holds.
import swaggerUi from '@fastify/swagger-ui';
import fp from 'fastify-plugin';
import { openApiDocs } from '../src/service-docs.ts';

/** Of the pages under /docs alone. Scripts and styles come from there; the icons are in its style sheet. */
const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

export default fp(
  async (app) => {
    let document: string | null = null;
    app.get('/openapi.json', { config: { scope: 'public', docs: openApiDocs } }, async (_request, reply) => {
      document ??= JSON.stringify(app.swagger());
      return reply.type('application/json; charset=utf-8').send(document);
    });

    await app.register(async (pages) => {
      // They are made by the package, which knows nothing of scopes.
      pages.addHook('onRoute', (route) => void (route.config = { ...route.config, scope: 'public' }));
      await pages.register(swaggerUi, {
        routePrefix: '/docs',
        staticCSP: contentSecurityPolicy,
        logo: null as never,
        theme: { title: 'Bulk Import/Export API' },
        uiConfig: {
          layout: 'BaseLayout',
          docExpansion: 'list',
          defaultModelsExpandDepth: 0,
          displayRequestDuration: true,
          tryItOutEnabled: true,
        },
      });
    });
  },
  { name: 'docs', dependencies: ['openapi', 'auth'] },
);
