// Streamed exports: GET /v1/exports?resource=…. The same route without a resource lists the export jobs, whose other
// routes are in export-jobs.ts.
import compress from '@fastify/compress';
import type { FastifyReply, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import { breakConnection } from '../src/export/break-connection.ts';
import { gzipLevel } from '../src/export/encode-rows.ts';
import { endStalledResponse } from '../src/export/end-stalled-response.ts';
import { fileNameOf } from '../src/export/export-options.ts';
import { asksForJobs, listExports } from '../src/export/list-exports.ts';
import { ConnectionsBusy, openRows } from '../src/export/open-rows.ts';
import { parseSelection, splitQuery } from '../src/export/parse-selection.ts';
import { nextLink } from '../src/page-link.ts';
import { problem } from '../src/problems.ts';
import { mediaTypes } from '../src/resources/formats.ts';
import { resources } from '../src/resources/index.ts';

export interface ExportsOptions {
  /** How long a request waits for a connection while all are in use, before 503. Default 5 seconds. */
  busyWaitMs?: number;
  /** A client that reads nothing for so long is cut off. Default 60 seconds. */
  stalledClientMs?: number;
}

export default fp<ExportsOptions>(
  async (app, { busyWaitMs = 5_000, stalledClientMs = 60_000 }) => {
    await app.register(compress, {
      global: false,
      encodings: ['gzip', 'identity'],
      customTypes: () => true,
      zlibOptions: { level: gzipLevel },
    });

    app.get('/v1/exports', { config: { scope: 'read' } }, async (request, reply) => {
      const query = request.query as Readonly<Record<string, unknown>>;
      if (asksForJobs(query)) {
        const { limit, ...page } = await listExports(app.db, query);
        if (page.next !== undefined)
          reply.header('link', nextLink('/v1/exports', { ...query, limit, after: page.next }));
        return page;
      }
      const asked = parseSelection(resources, splitQuery(query));
      reply
        .type(mediaTypes[asked.format])
        .header('content-disposition', `attachment; filename="${fileNameOf(asked.resource.name, asked.format)}"`)
        .header('cache-control', 'no-store')
        .header('vary', 'accept-encoding');
      if (request.method === 'HEAD') return reply.send();
      return await stream(request, reply, asked);
    });

    async function stream(request: FastifyRequest, reply: FastifyReply, asked: Parameters<typeof openRows>[1]) {
      const gone = new AbortController();
      reply.raw.once('close', () => gone.abort(new Error('the client went away')));
      try {
        const { bytes } = await openRows(app.streams, asked, { signal: gone.signal, waitMs: busyWaitMs });
        bytes.once('error', (error) => {
          if (gone.signal.aborted) return;
          request.log.error({ err: error }, 'Export broken off');
          breakConnection(reply.raw.socket);
        });
        endStalledResponse(reply.raw, stalledClientMs);
        return reply.compress(bytes);
      } catch (error) {
        // The headers set so far are those of a file.
        for (const name of ['content-type', 'content-disposition', 'cache-control']) reply.removeHeader(name);
        if (error instanceof ConnectionsBusy) {
          reply.header('retry-after', '5');
          throw problem(
            'too_busy',
            'all connections for exports are in use; try again, or ask for an export job (POST /v1/exports)',
          );
        }
        throw error;
      }
    }
  },
  { name: 'exports', dependencies: ['export-jobs', 'auth'] },
);
