// Runs the import jobs that the queue hands to this process.
import fp from 'fastify-plugin';
import type { Logger } from 'pino';
import { endJob } from '../db/jobs.ts';
import { runImport } from '../src/import/run-import.ts';

export default fp(
  async (app) => {
    const { config, connection, db, storage, parsePool, queue, telemetry } = app;
    queue.register('import', async (jobId, signal) => {
      await runImport(
        {
          config,
          connection,
          db,
          runner: queue.runner,
          uploads: storage.uploads,
          parse: async (request) => await parsePool.parse(request),
          observer: telemetry.jobs,
          chunkSlots: parsePool.chunkSlots,
          chunkMemory: parsePool.chunkMemory,
          log: app.log as Logger,
          endImport: async (job, end) => {
            const ended = await db.transaction().execute(async (tx) => {
              const ended = await endJob(tx, job, end);
              if (ended) await queue.enqueueReady(tx);
              return ended;
            });
            if (ended) telemetry.jobs.jobEnded(ended);
            return ended;
          },
        },
        jobId,
        signal,
      );
    });
  },
  { name: 'import-jobs', dependencies: ['database', 'storage', 'parse-pool', 'job-queue', 'telemetry'] },
);
