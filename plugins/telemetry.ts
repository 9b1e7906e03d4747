// Figures for Prometheus: those of requests, of the jobs that this process runs, of queue and database, of the process.
// A registry for each app; names follow https://prometheus.io/docs/practices/naming/.
import type { FastifyReply, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import { Histogram, Registry } from 'prom-client';
import { NoAnswer } from '../db/monitor-connection.ts';
import { readServiceFigures, type ServiceFigures } from '../db/service-figures.ts';
import { sqlstateOf, verdictOf } from '../db/sqlstate.ts';
import { connectionBudget } from '../src/connection-budget.ts';
import { versionText } from '../src/help.ts';
import { whenOver } from '../src/http/when-over.ts';
import type { JobObserver } from '../src/job-observer.ts';
import { gaugeCapacity } from '../src/metrics/capacity-gauges.ts';
import { observeJobs } from '../src/metrics/job-metrics.ts';
import { processMetrics } from '../src/metrics/process-metrics.ts';
import { gaugeService, gaugeThreads } from '../src/metrics/service-gauges.ts';
import { gaugeStorage } from '../src/metrics/storage-gauges.ts';
import { observeTasks, type TaskObserver } from '../src/metrics/task-metrics.ts';
import { type JobListener, tellListeners } from '../src/tell-listeners.ts';

export interface Telemetry {
  /** Told by those who run jobs. */
  jobs: JobObserver;
  /** Listens to what `jobs` is told. */
  listen(listener: JobListener): void;
  /** Told by recurring tasks. */
  tasks: TaskObserver;
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

/** As housekeeping.ts names them. */
const sweptKinds = ['keys', 'uploads', 'exports', 'row_errors', 'jobs', 'orphaned_uploads', 'orphaned_exports'];

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
    const observe = (request: FastifyRequest, reply: FastifyReply, status: string) =>
      requests.observe({ method: request.method, route: routeOf(request), status }, reply.elapsedTime / 1000);
    app.addHook('onResponse', async (request, reply) => {
      observe(request, reply, `${Math.floor(reply.statusCode / 100)}xx`);
    });
    // onResponse is not for those who leave, or are cut off, before they have the whole of it.
    app.addHook('onRequest', async (request, reply) => {
      whenOver(reply.raw, (complete) => {
        if (!complete) observe(request, reply, 'disconnect');
      });
    });

    const setFigures = gaugeService(registry);
    gaugeThreads(registry, app.parsePool.piscina);
    gaugeStorage(registry, { uploads: app.storage.uploads, exports: app.storage.exports });
    gaugeCapacity(registry, versionText(), connectionBudget(app.config), app.config.import.connections);
    const counted = observeJobs(registry);
    const listeners: JobListener[] = [];
    const jobs = tellListeners(app.tracing?.observe(counted) ?? counted, listeners);
    const tasks = observeTasks(registry, sweptKinds);
    // Last: it takes what is registered by now.
    const all = Registry.merge([registry, processMetrics()]);
    app.decorate('telemetry', {
      jobs,
      listen: (listener) => void listeners.push(listener),
      tasks,
      async text() {
        const { figures, up } = await readFigures();
        setFigures(figures, up);
        return await all.metrics();
      },
    } satisfies Telemetry);

    async function readFigures(): Promise<{ figures: ServiceFigures | null; up: boolean }> {
      try {
        return { figures: await app.monitor.run(readServiceFigures, figuresTimeoutMs), up: true };
      } catch (error) {
        if (!(error instanceof NoAnswer) && verdictOf(error) !== 'transient') throw error;
        app.log.warn({ err: error }, 'No figures from the database');
        // 55P03: it answers, but somebody has locked what was asked for.
        return { figures: null, up: sqlstateOf(error) === '55P03' };
      }
    }
  },
  { name: 'telemetry', dependencies: ['tracing', 'monitor', 'parse-pool', 'job-queue', 'storage'] },
);

/** The route's pattern, as many as there are routes; what matches none is one of them. */
function routeOf({ is404, routeOptions }: FastifyRequest): string {
  return is404 ? 'none' : (routeOptions.url ?? 'none');
}
