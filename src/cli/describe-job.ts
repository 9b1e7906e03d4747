// An ended job in words: what came of it, why, and what can be done next.
import { type BulkClient, BulkProblem, type Export, type ImportState } from '../client/index.ts';
import { bytes, count, counted, duration, shellWord, table } from './plain-text.ts';

const shownGroups = 8;

export async function describeImport(client: BulkClient, state: ImportState, signal?: AbortSignal): Promise<string[]> {
  const { job_id, file_name, resource, status, processed, successful, failed, duration_ms, rows_per_sec } = state;
  const took = duration_ms === null ? '' : ` in ${duration(duration_ms)}`;
  const rate = rows_per_sec === null || processed === 0 ? '' : ` (${count(rows_per_sec)} records/s)`;
  const lines = [
    `${file_name}: import of ${resource} ${status}${took}${rate}`,
    `  ${counted(processed, 'record')}: ${count(successful)} loaded, ${count(failed)} rejected${
      failed > 0 ? ` (${state.error_rate_pct} %)` : ''
    }`,
  ];
  if (state.failure) lines.push(`  ${explain(state.failure)}`);
  for (const { from_line, to_line } of state.unprocessed ?? []) {
    lines.push(
      `  not looked at: ${to_line === null ? `line ${from_line} to the end` : `lines ${from_line} to ${to_line}`}`,
    );
  }
  if (state.error_count > 0) {
    lines.push('', ...(await describeErrors(client, job_id, shownGroups, signal)).map((line) => `  ${line}`));
    lines.push('', `  all of them:                   bulk errors ${job_id}`);
    const rejects = await nameRejects(client, job_id, signal);
    if (rejects) lines.push(`  the records, to mend and send: bulk rejects ${job_id} -o ${shellWord(rejects)}`);
  }
  return lines;
}

/** The row errors by field, code and message. */
export async function describeErrors(
  client: BulkClient,
  jobId: string,
  shown = Number.POSITIVE_INFINITY,
  signal?: AbortSignal,
): Promise<string[]> {
  const { groups, error_count } = await client.errorGroups(jobId, { signal });
  const lines = table(
    ['errors ', 'field', 'message', 'in lines'],
    groups
      .slice(0, shown)
      .map(({ count: errors, field, message, examples }) => [
        count(errors),
        field ?? '',
        message,
        `${examples.map(({ line }) => line).join(', ')}${errors > examples.length ? ' …' : ''}`,
      ]),
  );
  const rest = error_count - groups.slice(0, shown).reduce((sum, { count: errors }) => sum + errors, 0);
  return rest > 0 ? [...lines, `and ${count(rest)} more`] : lines;
}

export function describeExport(job: Export): string[] {
  const { job_id, resource, format, status, total_records, duration_ms } = job;
  const took = duration_ms === null ? '' : ` in ${duration(duration_ms)}`;
  const lines = [`export of ${resource} as ${format} ${status}${took}`];
  if (total_records !== null) lines.push(`  ${counted(total_records, 'record')}, ${bytes(job.bytes)}`);
  if (job.failure) lines.push(`  ${explain(job.failure)}`);
  if (job.download_url) lines.push(`  get it: bulk download ${job_id}`);
  return lines;
}

function explain({ code, detail, line }: { code: string; detail: string; line?: number }): string {
  return `${detail}${line === undefined ? '' : ` (line ${line})`} (${code})`;
}

/** @returns null when they cannot be had: the upload is gone, say. */
async function nameRejects(client: BulkClient, jobId: string, signal?: AbortSignal): Promise<string | null> {
  try {
    return await client.rejectsName(jobId, { signal });
  } catch (error) {
    if (error instanceof BulkProblem) return null;
    throw error;
  }
}
