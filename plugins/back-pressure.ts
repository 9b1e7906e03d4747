// While the process cannot keep up, requests are refused (503) rather than kept waiting.
import { totalmem } from 'node:os';
import { getHeapStatistics } from 'node:v8';
import underPressure from '@fastify/under-pressure';
import type { FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import { problem } from '../src/problems.ts';

export interface BackPressureOptions {
  /** Default: nine tenths of what V8 would die at. */
  maxHeapUsedBytes?: number;
  /** Default: nine tenths of the memory of the machine or container. */
  maxRssBytes?: number;
  /** How often these are looked at. Default 1 second. */
  sampleIntervalMs?: number;
}

const retrySeconds = 5;

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
        throw problem('too_busy', detail, {}, { 'retry-after': String(retrySeconds) });
      },
    });
  },
  { name: 'back-pressure', dependencies: ['problem-details'] },
);

function availableMemoryBytes(): number {
  // 0, or more than there is: no limit is set.
  const limit = process.constrainedMemory();
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem();
}
