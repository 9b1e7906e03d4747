// The routes of imports: post a file, follow its job, read its row errors, cancel it.
import multipart from '@fastify/multipart';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import { findJob, type Job, listJobs } from '../db/jobs.ts';
import { cancel } from '../src/cancel-job.ts';
import type { FileStore } from '../src/file-store.ts';
import { ignoreEmptyBody } from '../src/http/ignore-empty-body.ts';
import { clientGone } from '../src/http/signal-gone.ts';
import {
  acceptImport,
  checkImportRequest,
  checkResource,
  fingerprintOf,
  type ImportRequest,
} from '../src/import/accept-import.ts';
import { AcceptedSchema, ImportPageSchema, importDocs, JobParams, ListQuery } from '../src/import/import-docs.ts';
import { ImportSchema, ImportSummarySchema, summariseImport, viewImport } from '../src/import/import-view.ts';
import { type ReceiveOptions, receiveUpload, type Upload, type UploadPart } from '../src/import/receive-upload.ts';
import type { RemoteRequest } from '../src/import/remote-request.ts';
import { cursorAfter, parseCursor } from '../src/page-cursor.ts';
import { nextLink } from '../src/page-link.ts';
import { problem } from '../src/problems.ts';
import { requireJob } from '../src/require-job.ts';
import { resources } from '../src/resources/index.ts';
import { assertSameRequest } from './idempotency.ts';

declare module 'fastify' {
  interface FastifyInstance {
    /** Accepts a file that comes from the process itself, as if it had been posted. */
    importFile(resource: string, fileName: string, content: AsyncIterable<Uint8Array>): Promise<Job>;
  }
}

const optionNames = ['resource', 'format', 'delimiter'] as const;
type Options = Partial<Record<(typeof optionNames)[number], string>>;

export default fp(
  async (instance) => {
    const app = instance.withTypeProvider<TypeBoxTypeProvider>();
    const { config, db, storage, queue, quotas } = app;
    const accept = { config, db, uploads: storage.uploads, enqueueReady: queue.enqueueReady };
    await app.register(multipart);

    app.decorate('importFile', async (resource, fileName, content) => {
      const stored = await storage.uploads.write(content);
      return await acceptImport(accept, checkImportRequest({ resource, fileName }), stored, null);
    });

    app.post(
      '/v1/imports',
      {
        config: { scope: 'write', docs: importDocs.create },
        schema: { response: { 202: AcceptedSchema, 200: ImportSchema } },
      },
      async (request, reply) => {
        const remote = request.isMultipart() ? null : readJson(request, app.remoteFiles.read);
        const claim = await app.idempotency.claim(request);
        let upload: Upload | null = null;
        try {
          if (!claim.earlier) await quotas.assertRoom('import', request.owner);
          const query = readOptions(Object.entries(request.query as Record<string, unknown>));
          if (query.resource !== undefined) checkResource(query.resource);
          // A request that is sent again stores nothing.
          const meter = (content: AsyncIterable<Uint8Array>) =>
            claim.earlier ? content : quotas.meter(request.owner, content);
          if (!remote) upload = await receive(request, storage.uploads, config.import.maxUploadBytes, query, meter);
          else {
            // What is wrong with it is said before the file is fetched, and a request that is sent again fetches nothing.
            checkImportRequest(mergeOptions(query, remote));
            if (!claim.earlier) upload = await app.remoteFiles.fetch(remote, meter, request, reply);
          }
          const asked = checkImportRequest(mergeOptions(query, upload ?? remote!));
          // Whether a remote file is gzipped may be known only once it is fetched, which is not done again.
          const fingerprint = remote
            ? fingerprintOf({ ...asked, gzip: false }, remote)
            : fingerprintOf(asked, upload!.stored);
          if (claim.earlier) {
            assertSameRequest(claim, fingerprint);
            const earlier = await findJob(db, 'import', claim.earlier.jobId, request.jobsOf);
            if (!earlier) throw problem('job_not_found', 'the job of this Idempotency-Key is gone');
            reply.header('idempotency-replayed', 'true').header('location', `/v1/imports/${earlier.id}`);
            return await viewImport(db, earlier, queue.parents, request.jobsOf);
          }
          const { stored } = upload!;
          // From here on it is not for this request to remove it.
          upload = null;
          const job = await acceptImport(
            accept,
            { ...asked, trace: request.trace },
            stored,
            request.owner,
            async (tx, job) => {
              await quotas.assertWithin(tx, job);
              await claim.complete(tx, fingerprint, job.id);
            },
          );
          request.log.info({ job_id: job.id, resource: job.resource, bytes: stored.bytes }, 'Import accepted');
          reply.code(202).header('location', `/v1/imports/${job.id}`);
          return {
            job_id: job.id,
            status: job.status,
            resource: job.resource,
            message: `import of ${asked.fileName} accepted`,
          };
        } finally {
          try {
            if (upload) await storage.uploads.remove(upload.stored.key);
          } finally {
            await claim.release();
          }
        }
      },
    );

    app.get(
      '/v1/imports',
      {
        config: { scope: 'read', docs: importDocs.list },
        schema: { querystring: ListQuery, response: { 200: ImportPageSchema } },
      },
      async ({ query, jobsOf }, reply) => {
        if (query.resource !== undefined) checkResource(query.resource);
        const after = parseCursor(query.after ?? '') ?? undefined;
        const jobs = await listJobs(db, { type: 'import', ...query, after, owner: jobsOf });
        const next = jobs.length === query.limit ? cursorAfter(jobs.at(-1)!) : undefined;
        if (next !== undefined) reply.header('link', nextLink('/v1/imports', { ...query, after: next }));
        return { imports: jobs.map(summariseImport), ...(next === undefined ? {} : { next }) };
      },
    );

    app.get(
      '/v1/imports/:job_id',
      {
        config: { scope: 'read', docs: importDocs.get },
        schema: { params: JobParams, response: { 200: ImportSchema } },
      },
      async ({ params, jobsOf }) =>
        await viewImport(db, await requireJob(db, 'import', params.job_id, jobsOf), queue.parents, jobsOf),
    );

    app.post(
      '/v1/imports/:job_id/cancel',
      {
        config: { scope: 'write', docs: importDocs.cancel },
        onRequest: ignoreEmptyBody,
        schema: { params: JobParams, response: { 202: ImportSummarySchema } },
      },
      async ({ params, jobsOf }, reply) => {
        const cancelled = await cancel({ db, queue, observer: app.telemetry.jobs }, 'import', params.job_id, jobsOf);
        reply.code(202);
        return summariseImport(cancelled);
      },
    );
  },
  { name: 'imports', dependencies: ['import-jobs', 'idempotency', 'auth', 'quotas', 'remote-files'] },
);

/** The body of a request that is not a form: JSON names a file elsewhere, anything else cannot be a file. */
function readJson(request: FastifyRequest, read: (request: FastifyRequest) => RemoteRequest): RemoteRequest {
  if (/^application\/json\b/i.test(request.headers['content-type'] ?? '')) return read(request);
  throw problem(
    'unsupported_media_type',
    "send the file as multipart/form-data, in the field 'file', or JSON with its file_url",
  );
}

/** @throws Problem unknown_option, resource_required. */
function readOptions(given: Iterable<[string, unknown]>): Options {
  const options: Options = {};
  for (const [name, value] of given) {
    const known = optionNames.find((option) => option === name);
    if (!known)
      throw problem(
        'unknown_option',
        `unknown option '${name.slice(0, 50)}', must be one of: file, ${optionNames.join(', ')}`,
      );
    if (typeof value !== 'string') throw problem('invalid_option', `${known} must be given once`);
    if (value !== '') options[known] = value;
  }
  return options;
}

async function receive(
  request: FastifyRequest,
  store: FileStore,
  maxBytes: number,
  query: Options,
  meter: ReceiveOptions['meter'],
): Promise<Upload> {
  // Our own limit is the one that speaks: the parser would cut the file short without an error.
  const limits = { fileSize: maxBytes + 1, files: 2, fields: 20, parts: 25, fieldSize: 1_000, headerPairs: 50 };
  const checkFields = (fields: ReadonlyMap<string, string>) => {
    const { resource } = { ...query, ...readOptions(fields) };
    if (resource !== undefined) checkResource(resource);
  };
  // Of a client that left while the database was asked no event will tell the parser, which would wait for ever.
  if (request.raw.destroyed) throw clientGone();
  try {
    return await receiveUpload(request.parts({ limits }) as AsyncIterable<UploadPart>, {
      store,
      maxBytes,
      meter,
      checkFields,
    });
  } catch (error) {
    // What the client still sends is read and dropped, or it would never get to see the answer.
    request.raw.unpipe();
    request.raw.resume();
    throw error;
  }
}

/** @throws Problem resource_required. */
function mergeOptions(query: Options, { fields, fileName }: Pick<Upload, 'fields' | 'fileName'>): ImportRequest {
  const { resource, ...options } = { ...query, ...readOptions(fields) };
  if (resource === undefined) {
    throw problem('resource_required', `resource is required, one of: ${[...resources.keys()].join(', ')}`);
  }
  return { resource, fileName, ...options };
}
