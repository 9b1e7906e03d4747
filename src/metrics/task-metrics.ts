// Figures of the recurring tasks (housekeeping). A task is done by one process at a time, whichever is free: alerts look at
// the latest success of them all.
import { Counter, Gauge, type Registry } from 'prom-client';

export interface TaskObserver {
  /** Wraps what does the task: counts its runs, and when the last one succeeded. */
  watch<Args extends unknown[]>(task: string, run: (...args: Args) => Promise<void>): (...args: Args) => Promise<void>;
  /** What a run has removed, by kind. */
  removed(counts: Record<string, number>): void;
}

/** @param kinds of what tasks remove. */
export function observeTasks(registry: Registry, kinds: readonly string[]): TaskObserver {
  const registers = [registry];
  const runs = new Counter({
    name: 'bulk_task_runs_total',
    help: 'Runs of recurring tasks by this process',
    labelNames: ['task', 'outcome'],
    registers,
  });
  const succeededAt = new Gauge({
    name: 'bulk_task_last_success_timestamp_seconds',
    help: 'When a recurring task last succeeded in this process',
    labelNames: ['task'],
    registers,
  });
  const removed = new Counter({
    name: 'bulk_swept_total',
    help: 'What housekeeping has removed in this process because its time was over, or because no job named it',
    labelNames: ['kind'],
    registers,
  });
  for (const kind of kinds) removed.inc({ kind }, 0);
  return {
    watch(task, run) {
      for (const outcome of ['succeeded', 'failed']) runs.inc({ task, outcome }, 0);
      return async (...args) => {
        try {
          await run(...args);
        } catch (error) {
          runs.inc({ task, outcome: 'failed' });
          throw error;
        }
        runs.inc({ task, outcome: 'succeeded' });
        succeededAt.set({ task }, Date.now() / 1000);
      };
    },
    removed(counts) {
      for (const [kind, count] of Object.entries(counts)) removed.inc({ kind }, count);
    },
  };
}
