// The service as a typed object. Runs on fetch alone, in Node and in browsers; what needs Node (paths, hashing of large
// files) says so. All methods throw BulkProblem when the service refuses, BulkConnectionError when it does not answer.
import type { Hash } from 'node:crypto';
import { BulkProblem } from './bulk-problem.ts';
import type { CallOptions, DownloadOptions, ListOptions, PreviewOptions } from './call-options.ts';
import { download, findFile } from './download.ts';
import { queryOf } from './export-query.ts';
import { type FileSource, openSource, startHash } from './file-source.ts';
import { Http, type HttpOptions } from './http.ts';
import { postJob } from './post-job.ts';
import { type ReceivedFile, readBody, readNdjson, receivedFile } from './read-body.ts';
import { saveDownload } from './save-file.ts';
import type {
  ErrorGroups,
  Estimate,
  Export,
  ExportPage,
  ExportRequest,
  ExportSelection,
  Format,
  Health,
  Import,
  ImportPage,
  ImportState,
  ImportSummary,
  Overview,
  Preview,
  Resources,
  RowError,
} from './types.ts';
import { type AcceptedImport, type ImportOptions, uploadFile } from './upload.ts';
import { type WatchOptions, watchJob } from './watch-job.ts';

/** As much of a file as a preview looks at. */
const previewBytes = 1024 * 1024;

export class BulkClient {
  readonly #http: Http;

  constructor(options: HttpOptions) {
    this.#http = new Http(options);
  }

  /**
   * Posts a file, from disk or a Blob in constant memory, as a stream while it comes in. A file that has been sent before is
   * not imported twice, see `idempotencyKey` and `again`.
   */
  async importFile(source: FileSource, options: ImportOptions): Promise<AcceptedImport> {
    return await uploadFile(this.#http, source, options);
  }

  /** What an import of the file's beginning would make of it; loads nothing. */
  async preview(source: string | Blob, options: PreviewOptions = {}): Promise<Preview> {
    const { content, fileName: ownName } = await openSource(source);
    const { resource, format, delimiter, fileName = ownName ?? undefined, signal } = options;
    const whole = content.size <= previewBytes || undefined;
    return await this.#http.json('/v1/imports/preview', {
      method: 'POST',
      query: { resource, format, delimiter, file_name: fileName, whole },
      headers: { 'content-type': 'application/octet-stream' },
      body: () => content.slice(0, previewBytes),
      repeatable: true,
      signal,
    });
  }

  async import(jobId: string, options: CallOptions = {}): Promise<Import> {
    return await this.#http.json(jobPath('imports', jobId), options);
  }

  /** A page of them, newest first. */
  async imports({ signal, ...query }: ListOptions = {}): Promise<ImportPage> {
    return await this.#http.json('/v1/imports', { query, signal });
  }

  /** Its states until it has ended, live, across lost connections. @throws as watchJob. */
  watchImport(jobId: string, options: WatchOptions = {}): AsyncIterable<ImportState> {
    return watchJob(this.#http, jobPath('imports', jobId), options);
  }

  /** @returns the import once it has ended, however it did. */
  async waitForImport(jobId: string, options: WatchOptions = {}): Promise<Import> {
    await exhaust(this.watchImport(jobId, options));
    return await this.import(jobId, options);
  }

  /** Its row errors by line, in constant memory; while it runs, those of the file's beginning that is done with. */
  async *errors(jobId: string, { signal }: CallOptions = {}): AsyncGenerator<RowError, void, undefined> {
    const query = { format: 'ndjson' };
    yield* readNdjson<RowError>(
      readBody(await this.#http.send(`${jobPath('imports', jobId)}/errors`, { query, signal }), signal),
    );
  }

  /** The same as a file. */
  async errorReport(jobId: string, format: Format, { signal }: CallOptions = {}): Promise<ReceivedFile> {
    return receivedFile(
      await this.#http.send(`${jobPath('imports', jobId)}/errors`, { query: { format }, signal }),
      signal,
    );
  }

  /** The row errors counted by field, code and message, the most frequent first, each with examples. */
  async errorGroups(jobId: string, options: CallOptions = {}): Promise<ErrorGroups> {
    return await this.#http.json(`${jobPath('imports', jobId)}/errors/groups`, options);
  }

  /** The rejected records as they were sent, to be mended and imported. @param options `withErrors`: with the reasons. */
  async rejects(
    jobId: string,
    { withErrors, signal }: CallOptions & { withErrors?: boolean } = {},
  ): Promise<ReceivedFile> {
    const query = { with: withErrors ? 'errors' : undefined };
    return receivedFile(await this.#http.send(`${jobPath('imports', jobId)}/rejects`, { query, signal }), signal);
  }

  /** The name of the file that they come in, which says its format; null when it has none. */
  async rejectsName(jobId: string, { signal }: CallOptions = {}): Promise<string | null> {
    const response = await this.#http.send(`${jobPath('imports', jobId)}/rejects`, { method: 'HEAD', signal });
    return receivedFile(response, signal).fileName;
  }

  async cancelImport(jobId: string, { signal }: CallOptions = {}): Promise<ImportSummary> {
    return await this.#http.json(`${jobPath('imports', jobId)}/cancel`, { method: 'POST', signal });
  }

  async cancelExport(jobId: string, { signal }: CallOptions = {}): Promise<Export> {
    return await this.#http.json(`${jobPath('exports', jobId)}/cancel`, { method: 'POST', signal });
  }

  /** Records at once, as one consistent snapshot in constant memory; one that breaks off is an error. */
  async exportRows(selection: ExportSelection, { signal }: CallOptions = {}): Promise<ReceivedFile> {
    return receivedFile(await this.#http.send('/v1/exports', { query: queryOf(selection), signal }), signal);
  }

  /** How many records it would be. */
  async estimateExport(selection: Omit<ExportSelection, 'format' | 'fields' | 'sort'>, options: CallOptions = {}) {
    return await this.#http.json<Estimate>('/v1/exports/estimate', { query: queryOf(selection), ...options });
  }

  /** Has a file made of the records, to be downloaded later. Sent again after a lost answer it stays one job. */
  async startExport(
    request: ExportRequest,
    { signal, idempotencyKey = crypto.randomUUID() }: CallOptions & { idempotencyKey?: string } = {},
  ): Promise<Pick<Export, 'job_id' | 'status' | 'resource' | 'format'>> {
    const { job } = await postJob<Pick<Export, 'job_id' | 'status' | 'resource' | 'format'>>(
      this.#http,
      '/v1/exports',
      {
        headers: { 'content-type': 'application/json', 'idempotency-key': idempotencyKey },
        body: () => JSON.stringify(request),
        repeatable: true,
        signal,
      },
    );
    return job;
  }

  async export(jobId: string, options: CallOptions = {}): Promise<Export> {
    return await this.#http.json(jobPath('exports', jobId), options);
  }

  /** A page of the export jobs, newest first. */
  async exports({ signal, ...options }: ListOptions = {}): Promise<ExportPage> {
    // With a resource alone the route would export its records.
    const query = options.resource === undefined ? options : { ...options, after: options.after ?? '' };
    return await this.#http.json('/v1/exports', { query, signal });
  }

  watchExport(jobId: string, options: WatchOptions = {}): AsyncIterable<Export> {
    return watchJob(this.#http, jobPath('exports', jobId), options);
  }

  /** @returns the export once it has ended, however it did. */
  async waitForExport(jobId: string, options: WatchOptions = {}): Promise<Export> {
    await exhaust(this.watchExport(jobId, options));
    return await this.export(jobId, options);
  }

  /**
   * Node: the file of a completed export. Goes on by Range after a lost connection.
   * @returns its bytes, to be read once; after the last one they throw BulkChecksumError unless the SHA-256 is right.
   */
  async download(jobId: string, { signal }: CallOptions = {}): Promise<AsyncIterable<Uint8Array>> {
    const { sha256 } = await findFile(this.#http, jobPath('exports', jobId), signal);
    return download(this.#http, jobPath('exports', jobId), { hash: startHash(), offset: 0, sha256, signal });
  }

  /**
   * Node: the same into a file, which is there once it is whole and its SHA-256 right. What an earlier call for this job
   * began (`.<name>.<job>.part`) is gone on with, also after its process was killed.
   */
  async downloadTo(path: string, jobId: string, { signal, onBytes }: DownloadOptions = {}): Promise<Export> {
    const job = await findFile(this.#http, jobPath('exports', jobId), signal);
    const open = (hash: Hash, offset: number) =>
      download(this.#http, jobPath('exports', jobId), { hash, offset, sha256: job.sha256, signal });
    await saveDownload(path, job.job_id, job.bytes, onBytes, open, signal);
    return job;
  }

  /** Also of a service that says of itself that it is unhealthy. */
  async health({ signal }: CallOptions = {}): Promise<Health> {
    try {
      return await this.#http.json('/health', { signal, retryForMs: 0 });
    } catch (error) {
      if (error instanceof BulkProblem && error.status === 503 && 'checks' in error.members) {
        return error.members as Health;
      }
      throw error;
    }
  }

  /** Rows, unfinished jobs, throughput of the last minutes, health. */
  async overview(options: CallOptions = {}): Promise<Overview> {
    return await this.#http.json('/v1/overview', options);
  }

  /** What can be moved, with its fields, and in which formats. */
  async resources(options: CallOptions = {}): Promise<Resources> {
    return await this.#http.json('/v1/resources', options);
  }
}

async function exhaust(states: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of states);
}

function jobPath(type: 'imports' | 'exports', jobId: string): string {
  return `/v1/${type}/${encodeURIComponent(jobId)}`;
}
