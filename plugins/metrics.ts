// GET /metrics: how many rows there are, as JSON, for people and scripts; the figures of telemetry.ts for Prometheus,
// which asks for text.
import fp from 'fastify-plugin';
import { addVary } from '../src/http/add-vary.ts';
import { preferredType } from '../src/http/preferred-type.ts';
import { quiet } from '../src/logger.ts';
import { toOpenMetrics } from '../src/metrics/open-metrics.ts';
import { problem } from '../src/problems.ts';
import { RowCountsSchema, serviceDocs } from '../src/service-docs.ts';

const options = {
  config: { scope: 'read', docs: serviceDocs.metrics },
  schema: { response: { 200: RowCountsSchema } },
} as const;
const types = ['application/json', 'text/plain', 'application/openmetrics-text'] as const;

export default fp(
  async (app) => {
    const logLevel = quiet(app.config.log.level);

    app.get('/metrics', { ...options, logLevel }, async ({ headers, jobsOf }, reply) => {
      addVary(reply, 'accept');
      const type = preferredType(headers.accept, types);
      if (type !== 'application/json' && jobsOf !== undefined) {
        throw problem('forbidden', "these figures are of everybody's jobs; they need an API key without an owner");
      }
      switch (type) {
        case 'text/plain':
          return reply.type('text/plain; version=0.0.4; charset=utf-8').send(await app.telemetry.text());
        case 'application/openmetrics-text':
          return reply
            .type('application/openmetrics-text; version=1.0.0; charset=utf-8')
            .send(toOpenMetrics(await app.telemetry.text()));
        case 'application/json':
          return await asJson();
      }
    });

    async function asJson() {
      const counts = await app.countRows();
      const estimated = [...counts].flatMap(([name, { estimated }]) => (estimated ? [name] : []));
      return {
        database: Object.fromEntries([...counts].map(([name, { rows }]) => [name, rows])),
        ...(estimated.length > 0 ? { estimated } : {}),
        timestamp: new Date().toISOString(),
      };
    }
  },
  { name: 'metrics', dependencies: ['row-counts', 'telemetry', 'auth'] },
);
