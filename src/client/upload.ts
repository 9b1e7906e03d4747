// Sends a file as an import. The Idempotency-Key is made of what is asked and of the content, so whoever sends the same
// file twice, because the answer was lost or the script runs again, gets the job that there is. A job that failed or was
// cancelled is no reason to do nothing: its id makes the key of the next attempt.
import { formatOfFileName } from '../resources/formats.ts';
import { type FileSource, type OnBytes, openSource, sha256Of } from './file-source.ts';
import type { Http } from './http.ts';
import { encodeForm } from './multipart.ts';
import { postJob } from './post-job.ts';
import type { Format, Import, ImportSummary } from './types.ts';

export interface ImportOptions {
  resource: string;
  /** Default: of the path or File. The format is told by its ending. */
  fileName?: string;
  format?: Format;
  /** Of a CSV: `,` `;` or `tab`. Default: by its header. */
  delimiter?: string;
  /** Default: made of the content; for streams, and in browsers, none. `null`: none. */
  idempotencyKey?: string | null;
  /** Imports the same content once more, although that was done before. */
  again?: boolean;
  /** Not in browsers, which do not tell. */
  onUpload?: OnBytes;
  signal?: AbortSignal;
}

export type AcceptedImport = Pick<ImportSummary, 'job_id' | 'status' | 'resource'> & {
  /** Whether this is the job of an earlier request for the same. */
  replayed: boolean;
};

/** Jobs of one content that failed or were cancelled, after each of which it was sent anew. */
const maxFailedBefore = 10;

/** @throws BulkProblem, BulkConnectionError, what reading the file throws, the signal's reason. */
export async function uploadFile(http: Http, source: FileSource, options: ImportOptions): Promise<AcceptedImport> {
  const { content, fileName = 'file' } = await openSource(source).then(({ content, fileName }) => ({
    content,
    fileName: options.fileName ?? fileName ?? undefined,
  }));
  const once = { http, content, fileName, options };
  if (options.idempotencyKey !== undefined) return await send(once, options.idempotencyKey);
  if (options.again) return await send(once, crypto.randomUUID());
  const sha256 = content instanceof Blob ? await sha256Of(content, options.signal) : null;
  if (sha256 === null) return await send(once, null);
  const { resource, delimiter = '' } = options;
  const named = formatOfFileName(fileName);
  const format = `${options.format ?? named.format ?? ''}${named.gzip ? '.gz' : ''}`;
  let key = `sha256:${sha256}:${resource}:${format}:${delimiter}`.replaceAll(/[^\x20-\x7e]/g, '?').slice(0, 200);
  for (let failed = 0; ; failed++) {
    const accepted = await send(once, key);
    const useless = accepted.replayed && ['failed', 'cancelled'].includes(accepted.status);
    if (!useless || failed === maxFailedBefore) return accepted;
    key = `sha256:${sha256}:after:${accepted.job_id}`;
  }
}

interface Upload {
  http: Http;
  content: Blob | AsyncIterable<Uint8Array>;
  fileName: string;
  options: ImportOptions;
}

async function send({ http, content, fileName, options }: Upload, key: string | null): Promise<AcceptedImport> {
  const { resource, format, delimiter, onUpload, signal } = options;
  const form = encodeForm({ fields: { resource, format, delimiter }, fileName, content, onBytes: onUpload });
  const { job, replayed } = await postJob<Pick<Import, 'job_id' | 'status' | 'resource'>>(http, '/v1/imports', {
    body: form.body,
    headers: { ...form.headers, ...(key === null ? {} : { 'idempotency-key': key }) },
    repeatable: key !== null,
    replayable: content instanceof Blob,
    signal,
  });
  return { job_id: job.job_id, status: job.status, resource: job.resource, replayed };
}
