// Streamed exports: GET /v1/exports?resource=…. The same route without a resource lists the export jobs, whose other
// routes are in export-jobs.ts.
import { Readable } from 'node:stream';
import fp from 'fastify-plugin';
import { exportDocs } from '../src/export/export-docs.ts';
import { fileNameOf } from '../src/export/export-options.ts';
import { ExportPageSchema } from '../src/export/export-view.ts';
import { asksForJobs, listExports } from '../src/export/list-exports.ts';
import { openRows } from '../src/export/open-rows.ts';
import { parseSelection, splitQuery } from '../src/export/parse-selection.ts';
import { addVary } from '../src/http/add-vary.ts';
import { nextLink } from '../src/page-link.ts';
import { mediaTypes } from '../src/resources/formats.ts';
import { resources } from '../src/resources/index.ts';

const options = {
  config: { scope: 'read', docs: exportDocs.read },
  schema: { response: { 200: ExportPageSchema } },
} as const;

export default fp(
  async (app) => {
    app.get('/v1/exports', options, async (request, reply) => {
      const query = request.query as Readonly<Record<string, unknown>>;
      if (asksForJobs(query)) {
        const { limit, ...page } = await listExports(app.db, query, request.jobsOf);
        if (page.next !== undefined)
          reply.header('link', nextLink('/v1/exports', { ...query, limit, after: page.next }));
        return page;
      }
      const asked = parseSelection(resources, splitQuery(query));
      const setHeaders = () =>
        addVary(reply, 'accept-encoding')
          .type(mediaTypes[asked.format])
          .header('content-disposition', `attachment; filename="${fileNameOf(asked.resource.name, asked.format)}"`)
          .header('cache-control', 'no-store');
      // An empty stream: a length of 0 would be said of the file.
      if (request.method === 'HEAD') return setHeaders().send(Readable.from([]));
      return await reply.sendRows(async (options) => {
        const { bytes } = await openRows(app.streams, asked, options);
        setHeaders();
        return bytes;
      });
    });
  },
  { name: 'exports', dependencies: ['auth', 'database', 'stream-pool'] },
);
