// What this process is, and how much it may do at once: to be set against what is done (bulk_jobs, bulk_database_sessions).
import { Gauge, type Registry } from 'prom-client';
import type { ConnectionBudget } from '../connection-budget.ts';

/** @param loadersPerImport connections of one import job. */
export function gaugeCapacity(
  registry: Registry,
  version: string,
  budget: ConnectionBudget,
  loadersPerImport: number,
): void {
  const registers = [registry];
  new Gauge({
    name: 'bulk_build_info',
    help: 'Always 1; the labels say which version runs on which Node.js',
    labelNames: ['version', 'node'],
    registers,
  }).set({ version, node: process.versions.node }, 1);

  const slots = new Gauge({
    name: 'bulk_job_slots',
    help: 'Jobs that this process runs at once',
    labelNames: ['type'],
    registers,
  });
  slots.set({ type: 'import' }, budget.importJobs);
  slots.set({ type: 'export' }, budget.exportJobs);

  const sessions = new Gauge({
    name: 'bulk_database_sessions_max',
    help: 'Database sessions that this process opens at most, by pool',
    labelNames: ['pool'],
    registers,
  });
  sessions.set({ pool: 'api' }, budget.api);
  sessions.set({ pool: 'monitor' }, budget.monitor);
  sessions.set({ pool: 'queue' }, budget.queue);
  sessions.set({ pool: 'streams' }, budget.exports);
  sessions.set({ pool: 'loaders' }, budget.importJobs * loadersPerImport);
}
