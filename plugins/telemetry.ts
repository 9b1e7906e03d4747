// Figures for Prometheus: those of requests, of the jobs that this process runs, of queue and database, of the process.
// A registry for each app; names follow https://prometheus.io/docs/practices/naming/.
import type { FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import { Histogram, Registry } from 'prom-client';
import { NoAnswer } from '../db/monitor-connection.ts';
import { readServiceFigures, type ServiceFigures } from '../db/service-figures.ts';
import { verdictOf } from '../db/sqlstate.ts';
import type { JobObserver } from '../src/job-observer.ts';
import { observeJobs } from '../src/metrics/job-metrics.ts';
import { processMetrics } from '../src/metrics/process-metrics.ts';
import { gaugeService, gaugeThreads } from '../src/metrics/service-gauges.ts';

export interface Telemetry {
  /** Told by those who run jobs. */
  jobs: JobObserver;
  /** Listens to what `jobs` is told. */
  observe(observer: Partial<JobObserver>): void;
  /** Everything in Prometheus' text format 0.0.4. Never rejects for want of a database. */
  text(): Promise<string>;
}

declare module 'fastify' {
  interface FastifyInstance {
    telemetry: Telemetry;
  }
}

/** Well below the ten seconds that Prometheus waits for a scrape. */
const figuresTimeoutMs = 2_000;
/** Answers from memory take milliseconds, a streamed export or upload minutes. */
const requestBucketsSeconds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 300];

export default fp(
  async (app) => {
    const registry = new Registry();
    const requests = new Histogram({
      name: 'http_request_duration_seconds',
      help: 'From the request to the end of its response',
      labelNames: ['method', 'route', 'status'],
      buckets: requestBucketsSeconds,
      registers: [registry],
    });
    app.addHook('onResponse', async (request, reply) => {
      const status = `${Math.floor(reply.statusCode / 100)}xx`;
      requests.observe({ method: request.method, route: routeOf(request), status }, reply.elapsedTime / 1000);
    });

    const setFigures = gaugeService(registry);
    gaugeThreads(registry, app.parsePool.piscina);
    const observers: Partial<JobObserver>[] = [observeJobs(registry)];
    // Last: it takes what is registered by now.
    const all = Registry.merge([registry, processMetrics()]);
    app.decorate('telemetry', {
      jobs: {
        stagePassed(...told) {
          for (const observer of observers) observer.stagePassed?.(...told);
        },
        chunkLoaded(...told) {
          for (const observer of observers) observer.chunkLoaded?.(...told);
        },
        jobEnded(...told) {
          for (const observer of observers) observer.jobEnded?.(...told);
        },
      },
      observe: (observer) => void observers.push(observer),
      async text() {
        setFigures(await readFigures());
        return await all.metrics();
      },
    } satisfies Telemetry);

    async function readFigures(): Promise<ServiceFigures | null> {
      try {
        return await app.monitor.run(readServiceFigures, figuresTimeoutMs);
      } catch (error) {
        if (!(error instanceof NoAnswer) && verdictOf(error) !== 'transient') throw error;
        app.log.warn({ err: error }, 'No figures from the database');
        return null;
      }
    }
  },
  { name: 'telemetry', dependencies: ['monitor', 'parse-pool', 'job-queue'] },
);

/** The route's pattern, as many as there are routes; what matches none is one of them. */
function routeOf({ is404, routeOptions }: FastifyRequest): string {
  return is404 ? 'none' : (routeOptions.url ?? 'none');
}
