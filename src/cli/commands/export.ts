// bulk export: records to stdout or into a file, at once or as a job whose file is then downloaded. bulk download: the file
// of such a job.
import { type Export, type ExportRequest, type Format, saveFile } from '../../client/index.ts';
import { formatOfFileName } from '../../resources/formats.ts';
import type { Context } from '../context.ts';
import { describeExport } from '../describe-job.ts';
import { labelOf } from '../find-job.ts';
import { followJobs } from '../follow-jobs.ts';
import { gzipped } from '../gzipped.ts';
import { type ExitCode, exitCodes, UsageError } from '../outcome.ts';
import { bytes } from '../plain-text.ts';
import { transferLine } from '../progress-line.ts';

export interface ExportFlags {
  to?: string;
  format?: Format;
  fields?: string;
  where: string[];
  sort?: string;
  limit?: number;
  gzip?: boolean;
  job?: boolean;
  /** Undefined: as if it were true. */
  watch?: boolean;
}

const stdout = '-';

export async function exportRecords(context: Context, resource: string, flags: ExportFlags): Promise<ExitCode> {
  const { client, output, signal } = context;
  const { to = stdout, sort, limit } = flags;
  if (flags.watch === false && !flags.job) throw new UsageError('--no-watch is for --job');
  const named = formatOfFileName(to);
  const compressed = flags.gzip ?? (to !== stdout && named.gzip);
  const request: ExportRequest = {
    resource,
    format: flags.format ?? named.format,
    fields: flags.fields?.split(',').map((field) => field.trim()),
    filters: parseFilters(flags.where),
    sort,
    limit,
  };
  if (flags.job) {
    const asked = { ...request, ...(compressed ? { compression: 'gzip' as const } : {}) };
    const { job_id } = await client.startExport(asked, { signal });
    if (output.json && to !== stdout)
      await output.object({ event: 'accepted', job_id, resource, format: request.format });
    if (flags.watch === false) {
      if (!output.json) await output.text(`accepted, see it with: bulk watch ${job_id}`);
      return exitCodes.ok;
    }
    return await finish(context, job_id, `${resource}.${request.format ?? 'ndjson'}`, to);
  }
  await writeTo(context, to, async () => {
    const { body } = await client.exportRows(request, { signal });
    const shown = withProgress(context, to === stdout ? resource : to, body);
    // What travels gzipped has been unpacked on arrival.
    return compressed ? gzipped(shown) : shown;
  });
  return exitCodes.ok;
}

/** Follows an export job, then gets its file. */
async function finish(context: Context, jobId: string, label: string, to: string): Promise<ExitCode> {
  // What is for stdout is the file alone.
  const following = to === stdout ? { ...context, output: context.output.silent() } : context;
  const [job] = (await followJobs(following, [{ jobId, type: 'export', label }])) as [Export];
  if (job.status !== 'completed') {
    context.output.remark(describeExport(job).join('\n'));
    return exitCodes.jobFailed;
  }
  return await downloadExport(context, jobId, to);
}

export async function downloadExport(context: Context, jobId: string, to?: string): Promise<ExitCode> {
  const { client, output, signal } = context;
  if (to === stdout) {
    await writeTo(context, to, async () => await client.download(jobId, { signal }));
    return exitCodes.ok;
  }
  const path = to ?? labelOf(await client.export(jobId, { signal }));
  const startedAt = performance.now();
  try {
    const job = await client.downloadTo(path, jobId, {
      signal,
      onBytes: (received, total) => {
        const rate = (received / Math.max(performance.now() - startedAt, 1)) * 1000;
        output.bars((columns) => [transferLine(path, 'received', received, total, rate, columns)]);
      },
    });
    output.clearBars();
    const { bytes: size, sha256, total_records } = job;
    if (output.json)
      await output.object({ event: 'saved', file: path, job_id: jobId, bytes: size, sha256, total_records });
    else await output.text(`${path}: ${bytes(size)}, SHA-256 ${sha256}`);
  } catch (error) {
    output.clearBars();
    if (signal.aborted) output.remark(`Go on with: bulk download ${jobId} -o ${path}`);
    throw error;
  }
  return exitCodes.ok;
}

/** `field=value` and `field[gte]=value`, as the API's query has them. */
function parseFilters(conditions: readonly string[]): Record<string, string> {
  const filters = new Map<string, string>();
  for (const condition of conditions) {
    const [, field, value] = /^(\w+(?:\[\w+\])?)=(.*)$/s.exec(condition) ?? [];
    if (field === undefined || value === undefined) {
      throw new UsageError(`--where takes field=value or field[gte]=value, not '${condition}'`);
    }
    if (filters.has(field)) throw new UsageError(`--where has ${field} twice; for several values use field[in]=a,b`);
    filters.set(field, value);
  }
  return Object.fromEntries(filters);
}

async function* withProgress({ output }: Context, label: string, content: AsyncIterable<Uint8Array>) {
  const startedAt = performance.now();
  let received = 0;
  for await (const piece of content) {
    received += piece.byteLength;
    const rate = (received / Math.max(performance.now() - startedAt, 1)) * 1000;
    output.bars((columns) => [transferLine(label, 'received', received, null, rate, columns)]);
    yield piece;
  }
}

async function writeTo({ output }: Context, to: string, open: () => Promise<AsyncIterable<Uint8Array>>): Promise<void> {
  if (to === stdout) {
    for await (const piece of await open()) await output.write(piece);
    return;
  }
  let size = 0;
  async function* counted(content: AsyncIterable<Uint8Array>) {
    for await (const piece of content) {
      size += piece.byteLength;
      yield piece;
    }
  }
  try {
    await saveFile(to, async () => counted(await open()));
  } finally {
    output.clearBars();
  }
  if (output.json) await output.object({ event: 'saved', file: to, bytes: size });
  else await output.text(`${to}: ${bytes(size)}`);
}
