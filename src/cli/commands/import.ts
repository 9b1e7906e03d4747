// bulk import: sends files one after the other, those that others refer to first, then watches their jobs all at once.
import { access, constants, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { type AcceptedImport, BulkProblem, type Format, type ImportState } from '../../client/index.ts';
import { formatOfFileName } from '../../resources/formats.ts';
import type { Context } from '../context.ts';
import { describeImport } from '../describe-job.ts';
import { followJobs } from '../follow-jobs.ts';
import { type ExitCode, exitCodes, UsageError } from '../outcome.ts';
import { transferLine } from '../progress-line.ts';
import { exceeds, type Limit } from '../rejection-limit.ts';

export interface ImportFlags {
  resource?: string;
  format?: Format;
  delimiter?: string;
  name?: string;
  /** Undefined: as if it were true. */
  watch?: boolean;
  failOver?: Limit;
  again?: boolean;
  idempotencyKey?: string;
}

interface File {
  /** `-` is stdin. */
  path: string;
  name: string;
  resource: string;
}

const stdin = '-';
/** A line of JSON each; bars are drawn at their own pace. */
const uploadReportMs = 1_000;

export async function importFiles(context: Context, paths: readonly string[], flags: ImportFlags): Promise<ExitCode> {
  const { client, output, signal } = context;
  if (flags.watch === false && flags.failOver) {
    throw new UsageError(
      '--fail-over is for the end of an import, which --no-watch does not wait for: bulk watch has it too',
    );
  }
  if (paths.length > 1) {
    if (flags.idempotencyKey !== undefined) {
      throw new UsageError('--idempotency-key is for one file; without it each file has a key of its own');
    }
    if (flags.name !== undefined) throw new UsageError('--name is for one file');
  }
  const named: File[] = [];
  for (const path of paths) named.push(await nameFile(context, path, flags));
  const files = await sortByReferences(context, named);
  const accepted: (File & AcceptedImport)[] = [];
  try {
    for (const file of files) accepted.push({ ...file, ...(await send(context, file, flags)) });
  } catch (error) {
    // What has been sent is not undone by what could not be.
    if (accepted.length > 0) {
      output.remark(`Sent before that: bulk watch ${accepted.map(({ job_id }) => job_id).join(' ')}`);
    }
    throw error;
  }
  if (flags.watch === false) return exitCodes.ok;
  const jobs = accepted.map(({ job_id, name }) => ({ jobId: job_id, type: 'import' as const, label: name }));
  const states = (await followJobs(context, jobs)) as ImportState[];
  if (!output.json) {
    for (const state of states) await output.text(...(await describeImport(client, state, signal)));
  }
  return judge(context, states, flags.failOver);
}

/** The worst of them decides. */
export function judge({ output }: Context, states: readonly ImportState[], limit?: Limit): ExitCode {
  const over = limit ? states.filter((state) => exceeds(state, limit)) : [];
  for (const { file_name, failed, processed } of over) {
    output.remark(
      `${file_name}: ${failed} of ${processed} records rejected, more than --fail-over ${limit?.text} allows`,
    );
  }
  if (states.some(({ status }) => status !== 'completed')) return exitCodes.jobFailed;
  return over.length > 0 ? exitCodes.tooManyRejected : exitCodes.ok;
}

/** Before anything is sent: can it be read, and what is in it? */
async function nameFile({ client, signal }: Context, path: string, flags: ImportFlags): Promise<File> {
  if (path === stdin) {
    if (flags.resource === undefined) throw new UsageError('stdin needs --resource');
    if (flags.format === undefined && flags.name === undefined) throw new UsageError('stdin needs --format or --name');
    const name = flags.name ?? `stdin.${flags.format}`;
    requireFormat(name, flags);
    return { path, name, resource: flags.resource };
  }
  const found = await stat(path);
  if (found.isDirectory()) throw new UsageError(`${path} is a folder`);
  if (!found.isFile()) throw new UsageError(`${path} is no ordinary file; pipe it in: bulk import - < ${path}`);
  await access(path, constants.R_OK);
  const name = flags.name ?? basename(path);
  requireFormat(name, flags);
  if (flags.resource !== undefined) return { path, name, resource: flags.resource };
  const { format, delimiter } = flags;
  const { resource_guess } = await client.preview(path, { fileName: name, format, delimiter, signal });
  if (resource_guess === null) {
    throw new UsageError(`cannot tell what is in ${path}: give --resource (bulk resources lists them)`);
  }
  return { path, name, resource: resource_guess };
}

/** A preview would guess it from the content, and the import be refused. */
function requireFormat(name: string, { format }: ImportFlags): void {
  if (format !== undefined || formatOfFileName(name).format !== undefined) return;
  throw new UsageError(
    `cannot tell the format of ${name}: give --format, or name it .csv, .ndjson, .jsonl or .json (each also .gz)`,
  );
}

/** The service has an import wait for earlier ones of what it refers to; so those are to be the earlier ones. */
async function sortByReferences({ client, signal }: Context, files: File[]): Promise<File[]> {
  if (files.length < 2) return files;
  const { resources } = await client.resources({ signal });
  const rank = new Map(resources.map(({ name }, index) => [name, index]));
  return files.toSorted((one, other) => (rank.get(one.resource) ?? 0) - (rank.get(other.resource) ?? 0));
}

async function send(
  { client, stdin: openStdin, output, signal }: Context,
  file: File,
  flags: ImportFlags,
): Promise<AcceptedImport> {
  const { format, delimiter, again, idempotencyKey } = flags;
  const startedAt = performance.now();
  let reportedAt = startedAt;
  const onUpload = (sent: number, total: number | null) => {
    const now = performance.now();
    const rate = (sent / Math.max(now - startedAt, 1)) * 1000;
    output.bars((columns) => [transferLine(file.name, 'sent', sent, total, rate, columns)]);
    if (!output.json || now - reportedAt < uploadReportMs) return;
    reportedAt = now;
    output.object({ event: 'upload', file: file.name, bytes_sent: sent, bytes_total: total }).catch(() => {
      // Nobody reads it any more: the next line that matters says so.
    });
  };
  const input = file.path === stdin ? openStdin() : null;
  try {
    const options = {
      resource: file.resource,
      fileName: file.name,
      format,
      delimiter,
      again,
      idempotencyKey,
      onUpload,
      signal,
    };
    const job = await client.importFile(input ?? file.path, options);
    output.clearBars();
    const { job_id, status, resource, replayed } = job;
    if (output.json) await output.object({ event: 'accepted', file: file.name, job_id, resource, status, replayed });
    else if (replayed) output.remark(`${file.name}: was sent before, this is its job; --again imports it once more`);
    else if (flags.watch === false) await output.text(`${file.name}: accepted as ${resource}: bulk watch ${job_id}`);
    return job;
  } catch (error) {
    if (error instanceof BulkProblem) error.message = `${file.name}: ${error.message}`;
    throw error;
  } finally {
    output.clearBars();
    // What is refused is not waited for until who writes it has written it all.
    input?.destroy();
  }
}
