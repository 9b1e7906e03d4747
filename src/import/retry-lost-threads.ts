// A parse thread can end in the middle of a chunk: its records took more memory than a thread may have, or something
// killed it. The pool starts another one, but the chunk's bytes are gone with the old one, so the file is read again;
// what was committed is passed over. A chunk whose thread ends twice is the cause of it, and ends the job.
import type { Logger } from 'pino';
import type { ChunkPlace } from './chunk-pipeline.ts';
import { JobFault } from './job-fault.ts';

/** The thread that parsed a chunk ended before it was done. */
export class ThreadLost extends Error {
  readonly place: ChunkPlace;
  constructor(place: ChunkPlace, cause: unknown) {
    super('a parse thread ended in the middle of a chunk', { cause });
    this.place = place;
  }
}

/** Piscina's words for a thread that exited; Node's code for one that reached its memory limit. */
export function isLostThread(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return (
    ('code' in error && error.code === 'ERR_WORKER_OUT_OF_MEMORY') || /^worker exited with code/.test(error.message)
  );
}

/**
 * @param readFile goes through the whole file, and throws ThreadLost.
 * @throws JobFault `out_of_memory` when a chunk's thread was lost twice; what `readFile` throws otherwise.
 */
export async function retryLostThreads<T>(readFile: () => Promise<T>, log: Logger): Promise<T> {
  const lost = new Set<number>();
  for (;;) {
    try {
      return await readFile();
    } catch (error) {
      if (!(error instanceof ThreadLost)) throw error;
      const { index, firstLine, lastLine } = error.place;
      log.warn({ err: error.cause, chunk: index, line: firstLine }, 'A parse thread ended; the file is read again');
      if (lost.has(index)) {
        const detail = `the records on lines ${firstLine} to ${lastLine} ended the thread that reads them, twice`;
        throw new JobFault('out_of_memory', `${detail}; they take too much memory`, firstLine);
      }
      lost.add(index);
    }
  }
}
