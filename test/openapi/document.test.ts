// The OpenAPI document and its page, as the service gives them out.
import t from 'tap';
import type { OpenApiDocument } from '../../src/openapi/operation.ts';
import { build } from '../build.ts';

t.test('the document', async (t) => {
  const app = await build(t);
  const response = await app.inject('/openapi.json');
  t.equal(response.statusCode, 200);
  const document = response.json<OpenApiDocument>();
  if (process.env.DUMP) (await import('node:fs')).writeFileSync(process.env.DUMP, JSON.stringify(document, null, 1));
});
