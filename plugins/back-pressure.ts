// What is refused while there is no room for it: any request while the process cannot keep up (503), a new job while too
// many have not ended (429).
import { totalmem } from 'node:os';
import { getHeapStatistics } from 'node:v8';
import underPressure from '@fastify/under-pressure';
import type { FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import type { JobType } from '../db/jobs.ts';
import { hasFewerUnfinished } from '../db/unfinished-jobs.ts';
import { problem } from '../src/problems.ts';

export interface BackPressureOptions {
  /** Default: nine tenths of what V8 would die at. */
  maxHeapUsedBytes?: number;
  /** Default: nine tenths of the memory of the machine or container. */
  maxRssBytes?: number;
  /** How often these are looked at. Default 1 second. */
  sampleIntervalMs?: number;
}

declare module 'fastify' {
  interface FastifyInstance {
    /**
     * Requests at the same moment may each find room: the limit is one on queueing, not an exact number.
     * @throws Problem too_many_jobs when `config.jobs.maxUnfinished` jobs of the type have not ended.
     */
    assertRoomForJob(type: JobType): Promise<void>;
  }
}

const pressureRetrySeconds = 5;
const jobRetrySeconds = 10;

/** Asked by those who decide whether to restart the process, and by those who want to know why it is slow. */
const alwaysServed = new Set(['/health/live', '/metrics']);

export default fp<BackPressureOptions>(
  async (app, options) => {
    // No limit on the loop's utilisation: a busy import keeps it near 1 while requests are still served in time.
    await app.register(underPressure, {
      maxEventLoopDelay: app.config.maxEventLoopDelayMs,
      maxHeapUsedBytes: options.maxHeapUsedBytes ?? 0.9 * getHeapStatistics().heap_size_limit,
      maxRssBytes: options.maxRssBytes ?? 0.9 * availableMemoryBytes(),
      sampleInterval: options.sampleIntervalMs ?? 1_000,
      // For metrics; the default is the mean since the start.
      eventLoopUtilizationMode: 'interval',
      pressureHandler: async ({ routeOptions, log }: FastifyRequest, _reply, type, value) => {
        if (alwaysServed.has(routeOptions.url ?? '')) return;
        // Infinite: not one sample since the last look. The loop stood still, as during a start, and now it runs.
        if (type === underPressure.TYPE_EVENT_LOOP_DELAY && value === Infinity) return;
        log.warn({ pressure: type, value }, 'Request refused under pressure');
        const detail = 'the service is too busy to answer in time; try again';
        throw problem('too_busy', detail, {}, { 'retry-after': String(pressureRetrySeconds) });
      },
    });

    app.decorate('assertRoomForJob', async (type) => {
      const { maxUnfinished } = app.config.jobs;
      if (await hasFewerUnfinished(app.db, type, maxUnfinished)) return;
      const detail = `${maxUnfinished} ${type} jobs are running or waiting; try again when one has ended`;
      throw problem('too_many_jobs', detail, {}, { 'retry-after': String(jobRetrySeconds) });
    });
  },
  { name: 'back-pressure', dependencies: ['problem-details', 'database'] },
);

function availableMemoryBytes(): number {
  // 0, or more than there is: no limit is set.
  const limit = process.constrainedMemory();
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem();
}
