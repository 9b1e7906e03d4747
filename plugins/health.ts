// GET /health: can this process do its work? Answers within two seconds whatever the database does, and on a connection
// of its own, so that a busy pool does not look like a database that is gone. GET /health/live: does it run at all?
import type { FastifyInstance } from 'fastify';
import fp from 'fastify-plugin';
import { verdictOf } from '../db/sqlstate.ts';
import { versionText } from '../src/help.ts';
import { quiet } from '../src/logger.ts';
import { HealthSchema, LivenessSchema, serviceDocs } from '../src/service-docs.ts';

const service = 'bulk-import-export-api';
const databaseTimeoutMs = 2_000;

const config = { scope: 'public', unlimited: true } as const;
const health = {
  config: { ...config, docs: serviceDocs.health },
  schema: { response: { 200: HealthSchema, 503: HealthSchema } },
};
const live = { config: { ...config, docs: serviceDocs.live }, schema: { response: { 200: LivenessSchema } } };

type Check = { status: 'up' | 'down' } & Record<string, unknown>;

export interface Health {
  status: 'healthy' | 'unhealthy';
  checks: Record<'database' | 'storage' | 'queue' | 'workers', Check>;
}

declare module 'fastify' {
  interface FastifyInstance {
    /** Answers within two seconds, whatever the database does. */
    checkHealth(): Promise<Health>;
  }
}

export default fp(
  async (app) => {
    const logLevel = quiet(app.config.log.level);
    let pinging: Promise<Check> | null = null;

    /** One at a time; who asks meanwhile gets the same answer. */
    function checkDatabase(): Promise<Check> {
      pinging ??= ping(app).finally(() => (pinging = null));
      return pinging;
    }

    app.decorate('checkHealth', async () => {
      const [database, storage] = await Promise.all([checkDatabase(), checkStorage(app)]);
      const checks = { database, storage, queue: checkQueue(app), workers: checkWorkers(app) };
      const healthy = Object.values(checks).every(({ status }) => status === 'up');
      return { status: healthy ? 'healthy' : 'unhealthy', checks } as const;
    });

    app.get('/health', { ...health, logLevel }, async (_request, reply) => {
      const { status, checks } = await app.checkHealth();
      reply.code(status === 'healthy' ? 200 : 503);
      return { status, ...describeService(), checks };
    });

    app.get('/health/live', { ...live, logLevel }, async () => ({ status: 'alive', ...describeService() }));
  },
  { name: 'health', dependencies: ['auth', 'monitor', 'storage', 'parse-pool', 'job-queue'] },
);

function describeService() {
  return { timestamp: new Date().toISOString(), service, version: versionText() };
}

async function ping({ monitor, log }: FastifyInstance): Promise<Check> {
  const startedAt = performance.now();
  try {
    const [row] = await monitor.run(
      async (sql) =>
        await sql<[{ read_only: boolean }]>`SELECT current_setting('transaction_read_only')::boolean AS read_only`,
      databaseTimeoutMs,
    );
    if (row.read_only) throw new Error('the database takes no writes (transaction_read_only): is it a standby?');
    return { status: 'up', latency_ms: Math.round(10 * (performance.now() - startedAt)) / 10 };
  } catch (error) {
    log.warn({ err: error, verdict: verdictOf(error) }, 'The database does not pass the health check');
    return { status: 'down' };
  }
}

async function checkStorage({ storage: { uploads, exports }, log }: FastifyInstance): Promise<Check> {
  try {
    const [{ freeBytes }] = await Promise.all([uploads.findRoom(), exports.findRoom()]);
    return { status: 'up', free_bytes: freeBytes };
  } catch (error) {
    log.warn({ err: error }, 'The folders of uploads and exports cannot be written');
    return { status: 'down' };
  }
}

/**
 * What the queue needs is the database; an entry that nobody fetches is found by its sweep. Everybody may ask: where keys
 * have owners, who must not know of one another's jobs, it is not told how many there are.
 */
function checkQueue({ queue, config: { access } }: FastifyInstance): Check {
  const secret = access.keys.some(({ owner }) => owner !== null);
  return { status: 'up', ...(secret ? {} : { running_jobs: queue.running }) };
}

function checkWorkers({ parsePool: { piscina } }: FastifyInstance): Check {
  const threads = piscina.threads.length;
  return { status: threads > 0 ? 'up' : 'down', threads, waiting_chunks: piscina.queueSize };
}
