// Watches any number of jobs at once until all have ended: their bars on a terminal, a JSON line for each state otherwise.
// A lost connection is said and got over; a Ctrl-C leaves the jobs running and says how to go on.
import { type Export, hasEnded, type ImportState } from '../client/index.ts';
import type { Context } from './context.ts';
import { exportLine, importLine } from './progress-line.ts';

export interface FollowedJob {
  jobId: string;
  type: 'import' | 'export';
  /** What people call it: the file's name. */
  label: string;
}

export type JobState = ImportState | Export;

/**
 * @returns the last states, in the order of the jobs.
 * @throws what watching throws, for the first job that it does for; the others are not watched any longer then.
 */
export async function followJobs(context: Context, jobs: readonly FollowedJob[]): Promise<JobState[]> {
  const { client, output, signal } = context;
  const states = new Map<FollowedJob, JobState>();
  const width = Math.max(...jobs.map(({ label }) => label.length));
  const draw = () =>
    output.bars((columns) =>
      jobs.flatMap((job) => {
        const state = states.get(job);
        const name = job.label.padEnd(width);
        if (!state) return [];
        return [state.type === 'import' ? importLine(name, state, columns) : exportLine(name, state, columns)];
      }),
    );
  const others = new AbortController();
  const follow = async (job: FollowedJob) => {
    const options = {
      signal: AbortSignal.any([signal, others.signal]),
      onLost: (error: Error, retryInMs: number) => {
        output.remark(
          `${job.label}: ${error.message}; the job goes on, trying again in ${Math.ceil(retryInMs / 1000)} s`,
        );
      },
    };
    const { jobId, type, label } = job;
    const watched = type === 'import' ? client.watchImport(jobId, options) : client.watchExport(jobId, options);
    for await (const state of watched) {
      const last = states.get(job);
      states.set(job, state);
      draw();
      if (output.json && !sameState(last, state)) {
        await output.object({ event: hasEnded(state) ? 'end' : 'progress', file: label, ...state });
      }
    }
  };
  try {
    await Promise.all(jobs.map(follow));
  } catch (error) {
    others.abort();
    if (signal.aborted) {
      const left = jobs.filter((job) => {
        const state = states.get(job);
        return !state || !hasEnded(state);
      });
      const ids = left.map(({ jobId }) => jobId).join(' ');
      output.clearBars();
      output.remark(
        `${left.length === 1 ? 'The job goes' : 'The jobs go'} on without this terminal.\n` +
          `  watch again:  bulk watch ${ids}\n  stop it:      bulk cancel ${ids}`,
      );
    }
    throw error;
  } finally {
    output.clearBars();
  }
  return jobs.map((job) => states.get(job) as JobState);
}

function sameState(one: JobState | undefined, other: JobState): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
