import { BulkProblem, type Export, type Import } from '../client/index.ts';
import type { Context } from './context.ts';

/** @returns the import or export of that id. @throws BulkProblem job_not_found when it is neither. */
export async function findJob({ client, signal }: Context, jobId: string): Promise<Import | Export> {
  try {
    return await client.import(jobId, { signal });
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
  try {
    return await client.export(jobId, { signal });
  } catch (error) {
    if (!isNotFound(error)) throw error;
    const { status, code, request_id } = error;
    throw new BulkProblem(status, new Headers(), { code, request_id, detail: `there is no job ${jobId}` });
  }
}

function isNotFound(error: unknown): error is BulkProblem {
  return error instanceof BulkProblem && error.code === 'job_not_found';
}

export function labelOf(job: Import | Export): string {
  return job.type === 'import' ? job.file_name : `${job.resource}.${job.format}${job.compression ? '.gz' : ''}`;
}
