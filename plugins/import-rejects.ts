// GET /v1/imports/:job_id/rejects: the rejected records as a file, to be mended and posted again.
import { Readable } from 'node:stream';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import { create as contentDisposition } from 'content-disposition';
import fp from 'fastify-plugin';
import { Type } from 'typebox';
import type { Job } from '../db/jobs.ts';
import { sqlstateOf } from '../db/sqlstate.ts';
import { addVary } from '../src/http/add-vary.ts';
import { signalGone } from '../src/http/signal-gone.ts';
import { FileFault } from '../src/import/file-fault.ts';
import { importDocs, JobParams } from '../src/import/import-docs.ts';
import type { ImportOptions } from '../src/import/import-options.ts';
import { listableThrough } from '../src/import/import-view.ts';
import { JobFault } from '../src/import/job-fault.ts';
import { findFormat, openRejects } from '../src/import/open-rejects.ts';
import { type Problem, problem } from '../src/problems.ts';
import { requireJob } from '../src/require-job.ts';
import { type Format, mediaTypes } from '../src/resources/formats.ts';
import { resources } from '../src/resources/index.ts';

const RejectsQuery = Type.Object(
  {
    with: Type.Optional(
      Type.Enum(['errors'], { description: 'Adds the reasons, as a last column or property; an import ignores it.' }),
    ),
  },
  { additionalProperties: false },
);

export default fp(
  async (instance) => {
    const app = instance.withTypeProvider<TypeBoxTypeProvider>();
    const { config, db, storage, streams } = app;
    const services = { streams, uploads: storage.uploads, maxRecordBytes: config.import.maxRecordBytes };

    app.get(
      '/v1/imports/:job_id/rejects',
      {
        config: { scope: 'read', docs: importDocs.rejects },
        schema: { params: JobParams, querystring: RejectsQuery },
      },
      async (request, reply) => {
        const job = await requireJob(db, 'import', request.params.job_id, request.jobsOf);
        if (!resources.has(job.resource))
          throw problem('file_unreadable', `resource '${job.resource}' is not known here; ask a service that has it`);
        const { file } = job;
        if (file === null || (await storage.uploads.size(file)) === null) throw uploadGone(job);
        const setHeaders = (format: Format) =>
          addVary(reply, 'accept-encoding')
            .type(mediaTypes[format])
            .header('content-disposition', contentDisposition(nameOf(job, format)))
            .header('cache-control', 'no-store');
        const stored = { ...job, file };
        if (request.method === 'HEAD') {
          const format = await findFormat(services, stored, signalGone(reply.raw)).catch((error: unknown) => {
            throw explain(error, job);
          });
          return setHeaders(format).send(Readable.from([]));
        }
        const asked = {
          job: stored,
          throughRecord: await listableThrough(db, job),
          withReasons: request.query.with === 'errors',
        };
        return await reply.sendRows(async (options) => {
          try {
            const { bytes, format } = await openRejects(services, asked, options);
            setHeaders(format);
            return bytes;
          } catch (error) {
            throw explain(error, job);
          }
        });
      },
    );
  },
  { name: 'import-rejects', dependencies: ['auth', 'database', 'storage', 'stream-pool'] },
);

/** That of the upload, unpacked, without whatever looks like a path; and NDJSON, which a `.json` file may be, is called so. */
function nameOf({ options }: Job, format: Format): string {
  const { fileName } = options as unknown as ImportOptions;
  const name = `rejected_${fileName.split(/[/\\]/).at(-1)!.replace(/\.gz$/i, '')}`;
  return format === 'ndjson' ? name.replace(/\.json$/i, '.ndjson') : name;
}

function uploadGone({ id }: Job, why = 'the uploaded file is no longer stored (UPLOAD_TTL)'): Problem {
  const detail = `${why}; its row errors are at /v1/imports/${id}/errors`;
  return problem('upload_gone', detail);
}

function explain(error: unknown, job: Job): unknown {
  if (error instanceof FileFault) {
    return problem('file_unreadable', `no record of the file was read: ${error.message}; mend the file itself`);
  }
  if (error instanceof JobFault) return uploadGone(job, error.message);
  return sqlstateOf(error) === 'ENOENT' ? uploadGone(job) : error;
}
