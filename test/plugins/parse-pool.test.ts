// Threads that die before they have begun: whoever waits for one gets it once one starts again, or learns that none does.
// And threads that are not wanted any more before they have begun.
import { once } from 'node:events';
import { access, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import Fastify from 'fastify';
import t, { type Test } from 'tap';
import parsePool from '../../plugins/parse-pool.ts';
import { loadConfig } from '../../src/config.ts';
import { NoThread } from '../../src/run-in-threads.ts';
import type { ParseRequest } from '../../workers/messages.ts';
import type { PreviewRequest } from '../../workers/preview-messages.ts';
import { temporaryFolder } from '../temporary-folder.ts';

async function openPool(t: Test, threadFile: string) {
  const app = Fastify();
  t.after(async () => await app.close());
  app.decorate('config', loadConfig({ IMPORT_WORKERS: '1' }));
  const file = new URL(threadFile, import.meta.url).href;
  await app.register(parsePool, { threadFile: file, previewFile: file });
  await app.ready();
  return app;
}

/** A pool whose threads answer with the number of the first record, and cannot start while they are kept from it. */
async function startPool(t: Test) {
  const mark = join(await temporaryFolder(t), 'mark');
  process.env.DIES_WHILE_THERE_IS = mark;
  const { piscina, parse } = (await openPool(t, '../dies-at-start.ts')).parsePool;
  const failures: string[] = [];
  piscina.on('error', ({ message }) => failures.push(message));
  return {
    failures,
    ask: async (firstRecord: number) =>
      (await parse({ firstRecord, bytes: new Uint8Array(9), table: new Uint32Array(9) } as ParseRequest)) as unknown,
    /** Ends the thread that there is; no other one starts. */
    async loseThreads() {
      await writeFile(mark, '');
      await piscina.threads[0]?.terminate();
    },
    async letStart() {
      await rm(mark);
    },
  };
}

t.test('once threads can start again, those who wait are served', async (t) => {
  const { ask, loseThreads, letStart, failures } = await startPool(t);
  t.equal(await ask(1), 1);
  await loseThreads();
  const waiting = Promise.all([2, 3, 4].map((n) => ask(n)));
  while (failures.length < 2) await pause(5);
  await letStart();
  t.same(await waiting, [2, 3, 4]);
  t.equal(await ask(5), 5);
  t.match(failures, ['this thread cannot start', 'this thread cannot start']);
});

t.test('while none starts, they learn so', async (t) => {
  const { ask, loseThreads, letStart } = await startPool(t);
  t.equal(await ask(1), 1);
  await loseThreads();
  await Promise.all([2, 3].map((n) => t.rejects(ask(n), new NoThread())));
  await letStart();
  t.equal(await ask(4), 4, 'the next one finds a thread');
});

t.test('a preview whose thread ends is read by another', async (t) => {
  const mark = join(await temporaryFolder(t), 'mark');
  process.env.DIES_ONCE_FOR = mark;
  await writeFile(mark, '');
  const { preview } = (await openPool(t, '../dies-once.ts')).parsePool;
  t.equal((await preview({} as PreviewRequest)) as unknown, 'read');
  await t.rejects(access(mark), 'the first one ended');
});

t.test('a thread is not ended while it starts: that may end the process', async (t) => {
  const mark = join(await temporaryFolder(t), 'mark');
  process.env.MARK_OF_START = mark;
  const app = await openPool(t, '../starts-slowly.ts');
  await app.close();
  await t.resolves(access(mark), 'the first of a pool');
  await rm(mark);

  const other = await openPool(t, '../starts-slowly.ts');
  const { piscina } = other.parsePool;
  const [first] = piscina.threads;
  await once(first!, 'message');
  await rm(mark);
  await first!.terminate();
  t.not(piscina.threads[0], first);
  await other.close();
  await t.resolves(access(mark), 'one that replaces another');
});
