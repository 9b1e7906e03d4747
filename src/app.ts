// The whole service on one page: every plugin, in the order in which they build on one another.
import Fastify, { type FastifyInstance } from 'fastify';
import auth from '../plugins/auth.ts';
import backPressure from '../plugins/back-pressure.ts';
import consolePage from '../plugins/console.ts';
import cors from '../plugins/cors.ts';
import database from '../plugins/database.ts';
import docs from '../plugins/docs.ts';
import events from '../plugins/events.ts';
import exportEstimate from '../plugins/export-estimate.ts';
import exportJobs from '../plugins/export-jobs.ts';
import exports from '../plugins/exports.ts';
import health from '../plugins/health.ts';
import housekeeping from '../plugins/housekeeping.ts';
import idempotency from '../plugins/idempotency.ts';
import identity from '../plugins/identity.ts';
import importErrorGroups from '../plugins/import-error-groups.ts';
import importErrors from '../plugins/import-errors.ts';
import importJobs from '../plugins/import-jobs.ts';
import importPreview from '../plugins/import-preview.ts';
import importRejects from '../plugins/import-rejects.ts';
import imports from '../plugins/imports.ts';
import jobQueue from '../plugins/job-queue.ts';
import metrics from '../plugins/metrics.ts';
import monitor from '../plugins/monitor.ts';
import openapi from '../plugins/openapi.ts';
import overview from '../plugins/overview.ts';
import parsePool from '../plugins/parse-pool.ts';
import problemDetails from '../plugins/problem-details.ts';
import quotas from '../plugins/quotas.ts';
import rateLimit from '../plugins/rate-limit.ts';
import remoteFiles from '../plugins/remote-files.ts';
import resources from '../plugins/resources.ts';
import rowCounts from '../plugins/row-counts.ts';
import securityHeaders from '../plugins/security-headers.ts';
import seed from '../plugins/seed.ts';
import slowClients from '../plugins/slow-clients.ts';
import storage from '../plugins/storage.ts';
import streamPool from '../plugins/stream-pool.ts';
import telemetry from '../plugins/telemetry.ts';
import tracing from '../plugins/tracing.ts';
import type { Config } from './config.ts';
import { serverOptionsOf } from './http/server-options.ts';
import { loggerOptions } from './logger.ts';

declare module 'fastify' {
  interface FastifyInstance {
    config: Config;
  }
}

/** A service that is ready to listen; close() gives back all it opened. @throws whatever kept a plugin from starting. */
export async function buildApp(config: Config): Promise<FastifyInstance> {
  // A database may take its time to recover or migrate: no time limit for plugins.
  const app = Fastify({ ...serverOptionsOf(config), logger: await loggerOptions(config), pluginTimeout: 0 });
  app.decorate('config', config);
  // No route takes text, which Fastify would read all the same.
  app.removeContentTypeParser('text/plain');
  try {
    await registerPlugins(app);
    await app.ready();
    return app;
  } catch (error) {
    await app.close();
    throw error;
  }
}

async function registerPlugins(app: FastifyInstance): Promise<void> {
  // What a request meets first.
  await app.register(tracing);
  await app.register(openapi);
  await app.register(securityHeaders);
  await app.register(problemDetails);
  await app.register(cors);
  await app.register(identity);
  await app.register(rateLimit);
  await app.register(auth);
  await app.register(slowClients);

  // What jobs and routes stand on.
  await app.register(database);
  await app.register(storage);
  await app.register(streamPool);
  await app.register(parsePool);
  await app.register(jobQueue);
  await app.register(monitor);
  await app.register(telemetry);
  await app.register(backPressure);
  await app.register(quotas);
  await app.register(idempotency);

  // What the service is for.
  await app.register(importJobs);
  await app.register(remoteFiles);
  await app.register(imports);
  await app.register(importErrors);
  await app.register(importErrorGroups);
  await app.register(importRejects);
  await app.register(importPreview);
  await app.register(exports);
  await app.register(exportJobs);
  await app.register(exportEstimate);
  await app.register(events);
  await app.register(resources);

  await app.register(housekeeping);
  await app.register(rowCounts);
  await app.register(health);
  await app.register(metrics);
  await app.register(overview);
  await app.register(docs);
  await app.register(seed);
  await app.register(consolePage);
}
