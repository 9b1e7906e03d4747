// Runs the import jobs that the queue hands to this process.
import fp from 'fastify-plugin';
import type { Logger } from 'pino';
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
          enqueueReady: queue.enqueueReady,
        },
        jobId,
        signal,
      );
    });
  },
  { name: 'import-jobs', dependencies: ['database', 'storage', 'parse-pool', 'job-queue', 'telemetry'] },
);
