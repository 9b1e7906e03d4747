// GET /metrics: how many rows there are, as JSON, for people and scripts; the figures of telemetry.ts for Prometheus,
// which asks for text.
import fp from 'fastify-plugin';
import { countRows, type RowCount } from '../db/count-rows.ts';
import { preferredType } from '../src/http/preferred-type.ts';
import { quiet } from '../src/logger.ts';
import { toOpenMetrics } from '../src/metrics/open-metrics.ts';
import { problem } from '../src/problems.ts';
import { resources } from '../src/resources/index.ts';
import { RowCountsSchema, serviceDocs } from '../src/service-docs.ts';

const options = {
  config: { scope: 'read', docs: serviceDocs.metrics },
  schema: { response: { 200: RowCountsSchema } },
} as const;
const types = ['application/json', 'text/plain', 'application/openmetrics-text'] as const;

/** Counts are kept for a second where counting costs more than asking: small tables are always told as they are. */
const cheapRows = 100_000;
const keepMs = 1_000;

export default fp(
  async (app) => {
    const logLevel = quiet(app.config.log.level);
    let counting: Promise<Map<string, RowCount>> | null = null;

    /** One resource after the other, on one connection, for all who ask meanwhile. */
    async function count(): Promise<Map<string, RowCount>> {
      const counts = new Map<string, RowCount>();
      for (const name of resources.keys()) counts.set(name, await countRows(app.sql, name));
      const isCheap = [...counts.values()].every(({ rows }) => rows <= cheapRows);
      setTimeout(() => (counting = null), isCheap ? 0 : keepMs).unref();
      return counts;
    }

    app.get('/metrics', { ...options, logLevel }, async ({ headers, jobsOf }, reply) => {
      reply.header('vary', 'accept');
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
      counting ??= count();
      const counts = await counting.catch((error) => {
        counting = null;
        throw error;
      });
      const estimated = [...counts].flatMap(([name, { estimated }]) => (estimated ? [name] : []));
      return {
        database: Object.fromEntries([...counts].map(([name, { rows }]) => [name, rows])),
        ...(estimated.length > 0 ? { estimated } : {}),
        timestamp: new Date().toISOString(),
      };
    }
  },
  { name: 'metrics', dependencies: ['database', 'telemetry', 'auth'] },
);
