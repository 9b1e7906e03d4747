// Threads that die before they have begun: whoever waits for one gets it once one starts again, or learns that none does.
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import Fastify from 'fastify';
import t, { type Test } from 'tap';
import parsePool from '../../plugins/parse-pool.ts';
import { loadConfig } from '../../src/config.ts';
import { NoThread } from '../../src/run-in-threads.ts';
import type { ParseRequest } from '../../workers/messages.ts';
import { temporaryFolder } from '../build.ts';

/** A pool whose threads answer with the number of the first record, and cannot start while they are kept from it. */
async function startPool(t: Test) {
  const mark = join(await temporaryFolder(t), 'mark');
  process.env.DIES_WHILE_THERE_IS = mark;
  const app = Fastify();
  t.after(async () => await app.close());
  app.decorate('config', loadConfig({ IMPORT_WORKERS: '1' }));
  await app.register(parsePool, { threadFile: new URL('../dies-at-start.ts', import.meta.url).href });
  await app.ready();
  const { piscina, parse } = app.parsePool;
  const failures: string[] = [];
  piscina.on('error', ({ message }) => failures.push(message));
  return {
    failures,
    ask: async (firstRecord: number, signal?: AbortSignal) =>
      (await parse(
        { firstRecord, bytes: new Uint8Array(9), table: new Uint32Array(9) } as ParseRequest,
        signal,
      )) as unknown,
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

t.test('while none starts, they learn so; whoever goes away need not wait for it', async (t) => {
  const { ask, loseThreads, letStart } = await startPool(t);
  t.equal(await ask(1), 1);
  await loseThreads();
  const gone = new AbortController();
  const leaving = ask(2, gone.signal);
  const staying = [3, 4].map((n) => t.rejects(ask(n), new NoThread()));
  gone.abort();
  await t.rejects(leaving, { name: 'AbortError' });
  await Promise.all(staying);
  await letStart();
  t.equal(await ask(5), 5, 'the next one finds a thread');
});
