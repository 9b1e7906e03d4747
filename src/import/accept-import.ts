// Makes an import job of a stored upload: checks what was asked, then writes the job and its queue entry in one
// transaction. From then on the upload is the job's; when there is no job, it is removed. A connection that is lost while
// the transaction ends leaves it open which of the two holds: then the database is asked.
import { createHash } from 'node:crypto';
import type { Kysely, Transaction } from 'kysely';
import { createJob, findJob, type Job } from '../../db/jobs.ts';
import { lockQueueing } from '../../db/queue-entries.ts';
import { verdictOf } from '../../db/sqlstate.ts';
import type { Database } from '../../db/tables.ts';
import type { Config } from '../config.ts';
import type { FileStore, StoredFile } from '../file-store.ts';
import { problem } from '../problems.ts';
import { formatOfFileName, formats } from '../resources/formats.ts';
import { resources } from '../resources/index.ts';
import { withoutControls } from '../visible-text.ts';
import type { ImportOptions } from './import-options.ts';
import { retryTransient } from './retry.ts';

/** What the client says of its file; from form fields and query, so all of it is text. */
export interface ImportRequest {
  resource: string;
  fileName: string;
  format?: string;
  delimiter?: string;
}

type CheckedRequest = Pick<ImportOptions, 'fileName' | 'format' | 'gzip' | 'delimiter'> & { resource: string };

const delimiters = new Map<string, ',' | ';' | '\t'>([
  [',', ','],
  ['comma', ','],
  [';', ';'],
  ['semicolon', ';'],
  ['\t', '\t'],
  ['\\t', '\t'],
  ['tab', '\t'],
]);

/** @throws Problem unknown_resource. */
export function checkResource(name: string): string {
  if (resources.has(name)) return name;
  throw problem(
    'unknown_resource',
    `unknown resource '${shorten(name)}', must be one of: ${[...resources.keys()].join(', ')}`,
  );
}

/** @throws Problem unknown_resource, unsupported_file_type or invalid_option. */
export function checkImportRequest({ resource, fileName, format, delimiter }: ImportRequest): CheckedRequest {
  checkResource(resource);
  const named = formatOfFileName(fileName);
  const chosen = format === undefined ? named.format : formats.find((one) => one === format.toLowerCase());
  if (format !== undefined && !chosen) {
    throw problem(
      'unsupported_file_type',
      `unsupported format '${shorten(format)}', must be one of: ${formats.join(', ')}`,
    );
  }
  if (!chosen) {
    throw problem(
      'unsupported_file_type',
      `cannot tell the format of '${shorten(fileName)}': name it .csv, .ndjson, .jsonl or .json (each also .gz), or send format`,
    );
  }
  const separator = delimiter === undefined ? undefined : delimiters.get(delimiter);
  if (delimiter !== undefined && !separator) {
    throw problem('invalid_option', `delimiter must be ',', ';' or 'tab', not '${shorten(delimiter)}'`);
  }
  if (separator && chosen !== 'csv')
    throw problem('invalid_option', `delimiter is for csv files, this one is ${chosen}`);
  return {
    resource,
    fileName: displayName(fileName),
    format: chosen,
    gzip: named.gzip,
    ...(separator ? { delimiter: separator } : {}),
  };
}

/** Equal for requests that ask for the same import of the same content, `sha256` standing for that. */
export function fingerprintOf(
  { resource, format, gzip, delimiter }: CheckedRequest,
  { sha256 }: Pick<StoredFile, 'sha256'>,
): string {
  return createHash('sha256')
    .update(JSON.stringify([resource, format, gzip, delimiter ?? null, sha256]))
    .digest('hex');
}

/** How long a request waits to learn whether its job was made, when the database went away at that very moment. */
const decideWithinMs = 5_000;

export interface AcceptServices {
  config: Config;
  db: Kysely<Database>;
  uploads: FileStore;
  enqueueReady(tx: Transaction<Database>): Promise<void>;
}

/**
 * @param upload is the job's, or is removed. It stays where it is when the database does not even say whether there is
 *   a job.
 * @param also runs in the same transaction, once the job exists.
 */
export async function acceptImport(
  { config, db, uploads, enqueueReady }: AcceptServices,
  request: CheckedRequest & Pick<ImportOptions, 'trace'>,
  upload: StoredFile,
  owner: string | null,
  also: (tx: Transaction<Database>, job: Job) => Promise<void> = async () => {},
): Promise<Job> {
  const { resource, ...asked } = request;
  const options: ImportOptions = {
    ...asked,
    chunkRecords: config.import.chunkRecords,
    chunkBytes: config.import.chunkBytes,
  };
  const id = crypto.randomUUID();
  try {
    return await db.transaction().execute(async (tx) => {
      const job = await createJob(tx, {
        id,
        type: 'import',
        resource,
        format: asked.format,
        options,
        owner,
        file: upload.key,
        sha256: upload.sha256,
        bytes_total: upload.bytes,
      });
      await also(tx, job);
      await enqueueReady(tx);
      return job;
    });
  } catch (error) {
    const job = verdictOf(error) === 'transient' ? await findMade(db, id, error) : undefined;
    if (job) return job;
    await uploads.remove(upload.key);
    throw error;
  }
}

/** @returns the job that a transaction made which may have been committed. @throws `doubt` when nobody can tell. */
async function findMade(db: Kysely<Database>, id: string, doubt: unknown): Promise<Job | undefined> {
  const look = async () =>
    await db.transaction().execute(async (tx) => {
      // Whoever was about to commit holds this lock until that is done.
      await lockQueueing(tx);
      return await findJob(tx, 'import', id);
    });
  try {
    return await retryTransient(look, { forMs: decideWithinMs, signal: new AbortController().signal });
  } catch {
    // Why the database does not answer now is no news: the request is told of the failure that was the first.
    throw doubt;
  }
}

/** Client text is repeated in messages, but not at any length. */
function shorten(text: string): string {
  return text.length > 100 ? `${text.slice(0, 100).toWellFormed()}…` : text;
}

/**
 * A file name as it is kept and shown: of 100 characters at most, cut in the middle, since its rejected records are given
 * back under its endings. Nothing in it, either, that PostgreSQL's jsonb could not hold (NUL, lone surrogates).
 */
function displayName(fileName: string): string {
  const shown = withoutControls(fileName);
  if (shown.length <= 100) return shown;
  // What is cut may be half of a character.
  return `${shown.slice(0, 80)}…${shown.slice(-19)}`.replace(/\p{Surrogate}/gu, '');
}
