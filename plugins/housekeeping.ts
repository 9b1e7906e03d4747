// Retention on a schedule of the job queue: whichever process is free does it, one at a time. What has been removed is logged.
import fp from 'fastify-plugin';
import { readClock } from '../db/sweeps.ts';
import { removeOrphans } from '../src/housekeeping/remove-orphans.ts';
import { sweep } from '../src/housekeeping/sweep.ts';
import type { RunTask } from './job-queue.ts';

/** Also at every start. */
const schedules = { sweep: '* * * * *', 'remove-orphans': '17 * * * *' } as const;

export default fp(
  async ({ config, db, log, queue, storage: { uploads, exports }, telemetry: { tasks } }) => {
    const schedule = (task: keyof typeof schedules, run: RunTask) =>
      queue.schedule(task, schedules[task], tasks.watch(task, run));

    schedule('sweep', async (signal) => {
      const swept = await sweep({ db, uploads, exports, ttl: config.ttl, signal }, await readClock(db));
      tasks.removed({ ...swept });
      if (Object.values(swept).some((count) => count > 0)) log.info(swept, 'Swept');
    });

    schedule('remove-orphans', async (signal) => {
      const removed = {
        uploads: await removeOrphans(db, uploads, signal),
        exports: await removeOrphans(db, exports, signal),
      };
      tasks.removed({ orphaned_uploads: removed.uploads, orphaned_exports: removed.exports });
      if (removed.uploads + removed.exports > 0) log.info(removed, 'Files that belonged to no job were removed');
    });
  },
  { name: 'housekeeping', dependencies: ['database', 'job-queue', 'storage', 'telemetry'] },
);
