// GET /v1/exports/estimate: how many records an export would have, before it is asked for.
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import fp from 'fastify-plugin';
import { Type } from 'typebox';
import { estimateRows } from '../db/estimate-rows.ts';
import { buildQuery } from '../src/export/build-query.ts';
import { exportDocs } from '../src/export/export-docs.ts';
import { parseSelection, splitQuery } from '../src/export/parse-selection.ts';
import { resources } from '../src/resources/index.ts';

export const EstimateSchema = Type.Object(
  {
    resource: Type.String(),
    rows: Type.Integer({ minimum: 0 }),
    estimated: Type.Boolean({ description: "true: PostgreSQL's estimate, because counting would take too long." }),
  },
  { title: 'ExportEstimate' },
);

/** Counts that run at once; whoever asks meanwhile gets the estimate, so that the API's connections stay free. */
const maxCounts = 2;

export default fp(
  async (instance) => {
    const app = instance.withTypeProvider<TypeBoxTypeProvider>();
    let counting = 0;
    app.get(
      '/v1/exports/estimate',
      { config: { scope: 'read', docs: exportDocs.estimate }, schema: { response: { 200: EstimateSchema } } },
      async (request) => {
        const query = request.query as Readonly<Record<string, unknown>>;
        const { resource, selection } = parseSelection(resources, splitQuery(query));
        const { filters, limit } = selection;
        const counted = buildQuery(resource, { fields: [], filters, ...(limit === undefined ? {} : { limit }) });
        counting++;
        try {
          return { resource: resource.name, ...(await estimateRows(app.sql, counted, counting <= maxCounts)) };
        } finally {
          counting--;
        }
      },
    );
  },
  { name: 'export-estimate', dependencies: ['auth', 'database'] },
);
