// Collects every route for the OpenAPI document, so it comes before whatever has routes. Where the document is served:
// docs.ts. What is in it: src/openapi/document.ts.
import swagger from '@fastify/swagger';
import fp from 'fastify-plugin';
import { DocumentBuilder, documentHead } from '../src/openapi/document.ts';
import type { RouteDocs } from '../src/openapi/route-docs.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** What the OpenAPI document says of the route; without it the route is not in there. */
    docs?: RouteDocs;
  }
}

export default fp(
  async (app) => {
    const builder = new DocumentBuilder();
    await app.register(swagger, {
      openapi: documentHead as never,
      convertConstToEnum: false,
      transform: ({ route }) => builder.describe(route),
      transformObject: (made) =>
        'openapiObject' in made ? (builder.complete(made.openapiObject as never) as object) : {},
    });
  },
  { name: 'openapi' },
);
