// Runs tasks in a Piscina's threads, and does not wait for ever when these die before they begin. Piscina replaces a
// thread that ended, but gives up for good once a replacement ends in its own start (too little memory at that moment, a
// file that cannot be read): tasks in its queue then wait for a thread that nobody starts. Only a new task starts one. So
// what waits while there is no thread is taken back and asked for again, a few times with growing pauses.
// Nothing that has begun is ever taken back: Piscina would end its thread, and to end one while it loads code may end the
// process (src/watch-starts.ts).
import { setTimeout as pause } from 'node:timers/promises';
import type { Piscina } from 'piscina';

type RunOptions = Omit<NonNullable<Parameters<Piscina['run']>[1]>, 'signal'>;

/** Together three seconds, and the starts themselves. */
const pausesMs = [50, 200, 750, 2_000];

/** No thread could be started; the cause is in the log, where the pool's errors go. */
export class NoThread extends Error {
  constructor() {
    super(`no thread could be started, in ${pausesMs.length + 1} attempts`);
  }
}

/**
 * @returns what `piscina.run` does, with that rule. What it transfers is still the caller's while it waits.
 * @throws NoThread; what the task throws.
 */
export function runInThreads<Task, Result>(piscina: Piscina<Task, Result>) {
  const running = new Set<AbortController>();
  const takeBack = () => {
    if (piscina.threads.length > 0) return;
    for (const task of running) task.abort();
  };
  // The thread is taken from the list after this event.
  piscina.on('workerDestroy', () => setImmediate(takeBack));

  return async (task: Task, options: RunOptions): Promise<Result> => {
    for (const pauseMs of [...pausesMs, null]) {
      const stranded = new AbortController();
      running.add(stranded);
      try {
        return await piscina.run(task, { ...options, signal: stranded.signal });
      } catch (error) {
        if (!stranded.signal.aborted) throw error;
      } finally {
        running.delete(stranded);
      }
      if (pauseMs !== null) await pause(pauseMs);
    }
    throw new NoThread();
  };
}
