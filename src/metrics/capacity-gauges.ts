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

  const gauge = (name: string, help: string, label: string, figures: Record<string, number>) => {
    const made = new Gauge({ name, help, labelNames: [label], registers });
    for (const [value, figure] of Object.entries(figures)) made.set({ [label]: value }, figure);
  };
  gauge('bulk_job_slots', 'Jobs that this process runs at once', 'type', {
    import: budget.importJobs,
    export: budget.exportJobs,
  });
  gauge('bulk_database_sessions_max', 'Database sessions that this process opens at most, by pool', 'pool', {
    api: budget.api,
    monitor: budget.monitor,
    queue: budget.queue,
    streams: budget.exports,
    loaders: budget.importJobs * loadersPerImport,
  });
}
