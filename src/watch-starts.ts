// A thread that is ended while it loads its modules may take the process with it: "Check failed: (location_) != nullptr" of
// V8 (https://github.com/nodejs/node/issues/42501). Piscina calls its first threads ready at once, and ends them whenever
// it is closed; so whoever closes a pool soon after it was made waits for their starts first.
import type { Worker } from 'node:worker_threads';
import type { Piscina } from 'piscina';

/** @returns a function that waits until each thread has begun to take tasks, or has ended. To be called with a new pool. */
export function watchStarts(piscina: Piscina): () => Promise<void> {
  const ready = new Set<number>();
  const first = piscina.threads;
  const firstIds = first.map(({ threadId }) => threadId);
  // The first message of a thread says that its file is loaded.
  for (const thread of first) thread.once('message', () => ready.add(thread.threadId));
  // The event comes too early for the first threads; for later ones it is that message.
  piscina.on('workerCreate', ({ id }: { id: number }) => {
    if (!firstIds.includes(id)) ready.add(id);
  });
  return async () => {
    await Promise.all(piscina.threads.filter(({ threadId }) => !ready.has(threadId)).map(messageOrEnd));
  };
}

async function messageOrEnd(thread: Worker): Promise<void> {
  const over = Promise.withResolvers<void>();
  thread.once('message', () => over.resolve()).once('exit', () => over.resolve());
  // Piscina's threads do not keep the process alive; what waits for one must.
  thread.ref();
  await over.promise;
}
