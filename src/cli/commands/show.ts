// bulk status, watch, list, cancel, resources: what there is, and what becomes of it.
import type { Export, Import, ImportState, ImportSummary, JobStatus } from '../../client/index.ts';
import type { Context } from '../context.ts';
import { describeExport, describeImport } from '../describe-job.ts';
import { findJob, labelOf } from '../find-job.ts';
import { followJobs } from '../follow-jobs.ts';
import { type ExitCode, exitCodes } from '../outcome.ts';
import { count, table } from '../plain-text.ts';
import type { Limit } from '../rejection-limit.ts';
import { judge } from './import.ts';

export async function showStatus(context: Context, jobIds: readonly string[]): Promise<ExitCode> {
  for (const jobId of jobIds) {
    const job = await findJob(context, jobId);
    if (context.output.json) await context.output.object(job);
    else await context.output.text(...(await describe(context, job)));
  }
  return exitCodes.ok;
}

export async function watchJobs(context: Context, jobIds: readonly string[], limit?: Limit): Promise<ExitCode> {
  const jobs = [];
  for (const jobId of jobIds) {
    const job = await findJob(context, jobId);
    jobs.push({ jobId: job.job_id, type: job.type, label: labelOf(job) });
  }
  const states = await followJobs(context, jobs);
  if (!context.output.json) for (const state of states) await context.output.text(...(await describe(context, state)));
  const imports = states.filter((state) => state.type === 'import');
  const code = judge(context, imports, limit);
  return states.some(({ status }) => status !== 'completed') ? exitCodes.jobFailed : code;
}

export async function cancelJobs(context: Context, jobIds: readonly string[]): Promise<ExitCode> {
  const { client, output, signal } = context;
  for (const jobId of jobIds) {
    const { type } = await findJob(context, jobId);
    const job = await (type === 'import'
      ? client.cancelImport(jobId, { signal })
      : client.cancelExport(jobId, { signal }));
    if (output.json) await output.object(job);
    else await output.text(...(await describe(context, job)));
  }
  return exitCodes.ok;
}

export interface ListFlags {
  exports?: boolean;
  status?: JobStatus;
  resource?: string;
  limit: number;
}

/** As many as asked for, page by page. */
export async function listJobs({ client, output, signal }: Context, flags: ListFlags): Promise<ExitCode> {
  const { status, resource, limit } = flags;
  const jobs: (ImportSummary | Export)[] = [];
  for (let after: string | undefined; jobs.length < limit; ) {
    const query = { status, resource, limit: Math.min(limit - jobs.length, 1000), after, signal };
    const page = flags.exports ? await client.exports(query) : await client.imports(query);
    const found = 'imports' in page ? page.imports : page.exports;
    if (output.json) for (const job of found) await output.object(job);
    jobs.push(...found);
    after = page.next;
    if (after === undefined) break;
  }
  if (!output.json) await output.text(...(flags.exports ? tableOfExports(jobs) : tableOfImports(jobs)));
  return exitCodes.ok;
}

function tableOfImports(jobs: readonly (ImportSummary | Export)[]): string[] {
  const imports = jobs.filter((job) => job.type === 'import');
  return table(
    ['job', 'resource', 'status', 'records ', 'rejected ', 'created', 'file'],
    imports.map((job) => [
      job.job_id,
      job.resource,
      job.status,
      count(job.processed),
      count(job.failed),
      job.created_at.slice(0, 19).replace('T', ' '),
      job.file_name,
    ]),
  );
}

function tableOfExports(jobs: readonly (ImportSummary | Export)[]): string[] {
  const exports = jobs.filter((job) => job.type === 'export');
  return table(
    ['job', 'resource', 'status', 'records ', 'created', 'format'],
    exports.map((job) => [
      job.job_id,
      job.resource,
      job.status,
      job.total_records === null ? '' : count(job.total_records),
      job.created_at.slice(0, 19).replace('T', ' '),
      job.format,
    ]),
  );
}

export async function listResources({ client, output, signal }: Context): Promise<ExitCode> {
  const { resources } = await client.resources({ signal });
  for (const resource of resources) {
    if (output.json) {
      await output.object(resource);
      continue;
    }
    const rows = resource.fields.map((field) => [
      `  ${field.name}${field.required ? '' : '?'}`,
      field.values ? field.values.join(' | ') : field.type,
      [
        field.key ? 'unique' : '',
        field.max_length ? `at most ${field.max_length} characters` : '',
        field.max_words ? `at most ${field.max_words} words` : '',
        field.references ? `→ ${field.references}` : '',
      ]
        .filter(Boolean)
        .join(', '),
    ]);
    await output.text(...table([resource.name, '', ''], rows), '');
  }
  return exitCodes.ok;
}

async function describe(
  { client, signal }: Context,
  job: Import | ImportState | ImportSummary | Export,
): Promise<string[]> {
  return job.type === 'import' ? await describeImport(client, job, signal) : describeExport(job);
}
