// The OpenAPI document passes Redocly's recommended rules. What is switched off does not fit an API on a host of its own.
import { createConfig, lintFromString } from '@redocly/openapi-core';
import t from 'tap';
import { build } from '../build.ts';

t.test('the linter finds nothing', async (t) => {
  const app = await build(t);
  const source = (await app.inject('/openapi.json')).body;
  const config = await createConfig({
    extends: ['recommended-strict'],
    rules: {
      // Requests go to wherever the document comes from.
      'no-server-example.com': 'off',
      'operation-4xx-problem-details-rfc7807': 'error',
      'no-invalid-media-type-examples': 'error',
      'no-invalid-schema-examples': 'error',
      'operation-operationId-unique': 'error',
      'operation-summary': 'error',
      'operation-description': 'error',
      'tag-description': 'error',
    },
  });
  const problems = await lintFromString({ source, absoluteRef: 'openapi.json', config });
  t.same(
    problems.map(({ ruleId, message, location }) => `${ruleId}: ${message} ${location[0]?.pointer ?? ''}`),
    [],
  );
});
