// Export jobs: runs those that the queue hands to this process, and the routes to post, follow, download and cancel one.
import { Readable } from 'node:stream';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { FastifyReply, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import type { Logger } from 'pino';
import { Type } from 'typebox';
import { findJob, type Job } from '../db/jobs.ts';
import { cancel } from '../src/cancel-job.ts';
import { acceptExport, fingerprintOf, parseJobRequest } from '../src/export/accept-export.ts';
import { endStalledResponse } from '../src/export/end-stalled-response.ts';
import { exportDocs } from '../src/export/export-docs.ts';
import { fileNameOf, readOptions } from '../src/export/export-options.ts';
import { AcceptedExportSchema, ExportSchema, hasFile, viewExport } from '../src/export/export-view.ts';
import { isUnmodified, parseRange } from '../src/export/parse-range.ts';
import { runExport } from '../src/export/run-export.ts';
import type { FileStore } from '../src/file-store.ts';
import { ignoreEmptyBody } from '../src/http/ignore-empty-body.ts';
import { JobParams } from '../src/import/import-docs.ts';
import { hasEnded } from '../src/import/import-view.ts';
import { problem } from '../src/problems.ts';
import { requireJob } from '../src/require-job.ts';
import { type Format, mediaTypes } from '../src/resources/formats.ts';
import { assertSameRequest } from './idempotency.ts';

/** Its properties are checked in src/export, with messages that name what a field accepts. */
const JobBody = Type.Object({});

export default fp(
  async (instance) => {
    const app = instance.withTypeProvider<TypeBoxTypeProvider>();
    const { config, db, queue, quotas, streams } = app;
    const files = app.storage.exports;

    queue.register('export', async (jobId, signal) => {
      await runExport(
        {
          db,
          runner: queue.runner,
          source: streams,
          files,
          meter: quotas.meterExport,
          assertRoom: quotas.assertKept,
          enqueueReady: queue.enqueueReady,
          ttlMs: config.ttl.exportMs,
          retryForMs: config.database.retryForMs,
          observer: app.telemetry.jobs,
          log: app.log as Logger,
        },
        jobId,
        signal,
      );
    });

    app.post(
      '/v1/exports',
      {
        config: { scope: 'write', docs: exportDocs.create },
        preValidation: async ({ body }) => {
          // The schema would miss an object, whose type is what is missing.
          if (body === undefined) throw problem('unsupported_media_type', 'send what to export as application/json');
        },
        schema: { body: JobBody, response: { 202: AcceptedExportSchema, 200: ExportSchema } },
      },
      async (request, reply) => {
        const asked = parseJobRequest(request.body);
        const claim = await app.idempotency.claim(request);
        try {
          const fingerprint = fingerprintOf(asked);
          if (claim.earlier) {
            assertSameRequest(claim, fingerprint);
            const earlier = await findJob(db, 'export', claim.earlier.jobId, request.jobsOf);
            if (!earlier) throw problem('job_not_found', 'the job of this Idempotency-Key is gone');
            reply.header('idempotency-replayed', 'true').header('location', `/v1/exports/${earlier.id}`);
            return viewExport(earlier);
          }
          await quotas.assertRoom('export', request.owner);
          const services = { db, enqueueReady: queue.enqueueReady };
          const job = await acceptExport(
            services,
            { ...asked, trace: request.trace },
            request.owner,
            async (tx, job) => {
              await quotas.assertWithin(tx, job);
              await claim.complete(tx, fingerprint, job.id);
            },
          );
          request.log.info({ job_id: job.id, resource: job.resource, format: job.format }, 'Export accepted');
          reply.code(202).header('location', `/v1/exports/${job.id}`);
          return { job_id: job.id, status: job.status, resource: job.resource, format: job.format };
        } finally {
          await claim.release();
        }
      },
    );

    app.get(
      '/v1/exports/:job_id',
      {
        config: { scope: 'read', docs: exportDocs.get },
        schema: { params: JobParams, response: { 200: ExportSchema } },
      },
      async ({ params, jobsOf }) => viewExport(await requireJob(db, 'export', params.job_id, jobsOf)),
    );

    app.get(
      '/v1/exports/:job_id/download',
      { config: { scope: 'read', docs: exportDocs.download }, schema: { params: JobParams } },
      async (request, reply) => {
        const job = await requireJob(db, 'export', request.params.job_id, request.jobsOf);
        endStalledResponse(reply.raw, config.clientPace);
        return await sendFile(files, job, request, reply);
      },
    );

    app.post(
      '/v1/exports/:job_id/cancel',
      {
        config: { scope: 'write', docs: exportDocs.cancel },
        onRequest: ignoreEmptyBody,
        schema: { params: JobParams, response: { 202: ExportSchema } },
      },
      async ({ params, jobsOf }, reply) => {
        const cancelled = await cancel({ db, queue, observer: app.telemetry.jobs }, 'export', params.job_id, jobsOf);
        reply.code(202);
        return viewExport(cancelled);
      },
    );
  },
  {
    name: 'export-jobs',
    dependencies: ['auth', 'database', 'idempotency', 'job-queue', 'quotas', 'storage', 'stream-pool', 'telemetry'],
  },
);

async function sendFile(files: FileStore, job: Job, request: FastifyRequest, reply: FastifyReply) {
  if (!hasEnded(job)) throw problem('export_not_ready', `the export is ${job.status}; its file is not there yet`);
  if (job.status !== 'completed') throw problem('export_not_ready', `the export was ${job.status}; there is no file`);
  const expired = () => problem('export_expired', 'the file has expired; ask for a new export');
  const bytes = hasFile(job) ? await files.size(job.file) : null;
  if (!hasFile(job) || bytes === null) throw expired();
  if (bytes !== job.bytes_total) {
    // It would be taken for the whole of it.
    throw problem('export_expired', 'the stored file is no longer whole; ask for a new export');
  }

  const etag = `"${job.sha256}"`;
  reply.headers({ etag, 'accept-ranges': 'bytes', 'cache-control': 'private, no-cache' });
  if (isUnmodified(request.headers['if-none-match'], etag)) return reply.code(304).send();
  const part = request.method === 'GET' ? parseRange(request.headers, etag, bytes) : ({ status: 'whole' } as const);
  if (part.status === 'unsatisfiable') {
    reply.header('content-range', `bytes */${bytes}`);
    throw problem('range_not_satisfiable', `the file has ${bytes} bytes`);
  }
  const { compression } = readOptions(job);
  reply
    .type(compression === 'gzip' ? 'application/gzip' : mediaTypes[job.format as Format])
    .header('content-disposition', `attachment; filename="${fileNameOf(job.resource, job.format, compression)}"`)
    .header('content-length', part.status === 'part' ? part.end - part.start + 1 : bytes);
  if (part.status === 'part') reply.code(206).header('content-range', `bytes ${part.start}-${part.end}/${bytes}`);
  // Sent without a body, its length would be said to be none.
  if (request.method === 'HEAD') return reply.send(Readable.from([]));
  const content = await files.read(job.file, part.status === 'part' ? part : undefined);
  if (content === null) throw expired();
  return reply.send(content);
}
