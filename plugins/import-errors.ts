// The error report of an import: pages of JSON, or all of it as one stream.
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import fp from 'fastify-plugin';
import { type ErrorCursor, listRowErrors } from '../db/row-errors.ts';
import { addVary } from '../src/http/add-vary.ts';
import { ErrorsQuery, ErrorsSchema } from '../src/import/errors-page.ts';
import { importDocs, JobParams } from '../src/import/import-docs.ts';
import { hasEnded, listableThrough, viewRowError } from '../src/import/import-view.ts';
import { openReport } from '../src/import/open-report.ts';
import { nextLink } from '../src/page-link.ts';
import { requireJob } from '../src/require-job.ts';
import { mediaTypes } from '../src/resources/formats.ts';

export default fp(
  async (instance) => {
    const app = instance.withTypeProvider<TypeBoxTypeProvider>();
    const { db } = app;

    app.get(
      '/v1/imports/:job_id/errors',
      {
        config: { scope: 'read', docs: importDocs.errors },
        schema: { params: JobParams, querystring: ErrorsQuery, response: { 200: ErrorsSchema } },
      },
      async ({ params, jobsOf, query: { format, limit, after } }, reply) => {
        const job = await requireJob(db, 'import', params.job_id, jobsOf);
        const range = { throughRecord: await listableThrough(db, job), after: readCursor(after) };
        if (format === 'json' && limit !== undefined) {
          const errors = await listRowErrors(db, job.id, { ...range, limit });
          const last = errors.at(-1);
          const more = errors.length === limit || !hasEnded(job);
          // Of a job that runs there may be none yet: then the next page is this one again.
          const next = more ? (last ? `${last.record}.${last.n}` : (after ?? '0.0')) : undefined;
          if (next) reply.header('link', nextLink(`/v1/imports/${job.id}/errors`, { limit, after: next }));
          return {
            job_id: job.id,
            error_count: job.error_count,
            errors: errors.map(viewRowError),
            ...(next ? { next } : {}),
          };
        }
        return await reply.sendRows(async (options) => {
          const report = await openReport(app.streams, job, format, { ...range, limit }, options);
          if (format !== 'json')
            reply.header('content-disposition', `attachment; filename="errors_${job.id}.${format}"`);
          addVary(reply, 'accept-encoding').type(mediaTypes[format]).header('cache-control', 'no-store');
          return report;
        });
      },
    );
  },
  { name: 'import-errors', dependencies: ['import-jobs', 'auth', 'stream-pool'] },
);

function readCursor(text: string | undefined): ErrorCursor | undefined {
  if (text === undefined) return undefined;
  const [record, n] = text.split('.').map(Number) as [number, number];
  return { record, n };
}
