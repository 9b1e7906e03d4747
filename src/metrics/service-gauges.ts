// What is read at the moment of a scrape: jobs, queue and sessions from the database, threads from the pool. While the
// database is away, or its tables are locked, its gauges are left out; bulk_database_up says which.
import type { Piscina } from 'piscina';
import { Counter, Gauge, type Registry } from 'prom-client';
import type { ServiceFigures } from '../../db/service-figures.ts';

/** An import keeps its upload, an export its file. */
const folderOf = { import: 'uploads', export: 'exports' } as const;

/** @returns the function that takes over figures just read, null where there are none, and whether the database answered. */
export function gaugeService(registry: Registry): (figures: ServiceFigures | null, up: boolean) => void {
  const registers = [registry];
  const up = new Gauge({ name: 'bulk_database_up', help: 'Whether the database answers', registers });
  const jobs = new Gauge({
    name: 'bulk_jobs',
    help: 'Unfinished jobs, those of all processes',
    labelNames: ['type', 'state'],
    registers,
  });
  const oldest = new Gauge({
    name: 'bulk_job_oldest_pending_seconds',
    help: 'How long the oldest job that has not begun has been waiting; 0: none waits',
    labelNames: ['type'],
    registers,
  });
  const stored = new Gauge({
    name: 'bulk_stored_bytes',
    help: 'Bytes of the files that jobs keep, those of all processes',
    labelNames: ['folder'],
    registers,
  });
  const queue = new Gauge({
    name: 'bulk_queue_entries',
    help: 'Entries of the job queue: created and retry wait for a process, active is being worked on',
    labelNames: ['type', 'state'],
    registers,
  });
  const sessions = new Gauge({
    name: 'bulk_database_sessions',
    help: 'Database sessions of the service by pool, those of all processes',
    labelNames: ['pool', 'state'],
    registers,
  });
  return (figures, answered) => {
    up.set(answered ? 1 : 0);
    for (const gauge of [jobs, oldest, stored, queue, sessions]) gauge.reset();
    if (!figures) return;
    for (const type of ['import', 'export'] as const) {
      // Zero is a figure too: alerts need the series to exist.
      for (const state of ['pending', 'processing']) jobs.set({ type, state }, 0);
      for (const state of ['created', 'retry', 'active']) queue.set({ type, state }, 0);
      oldest.set({ type }, 0);
      stored.set({ folder: folderOf[type] }, 0);
    }
    for (const { type, status, jobs: count, oldestSeconds } of figures.unfinishedJobs) {
      jobs.set({ type, state: status }, count);
      if (status === 'pending') oldest.set({ type }, oldestSeconds);
    }
    for (const { type, bytes } of figures.storedFiles) stored.set({ folder: folderOf[type] }, bytes);
    for (const { type, state, entries } of figures.queueEntries) queue.set({ type, state }, entries);
    for (const { pool, state, sessions: count } of figures.sessions) sessions.set({ pool, state }, count);
  };
}

export function gaugeThreads(registry: Registry, piscina: Piscina): void {
  const registers = [registry];
  new Gauge({
    name: 'bulk_parse_threads',
    help: 'Worker threads that parse and validate chunks',
    registers,
    collect() {
      this.set(piscina.threads.length);
    },
  });
  new Gauge({
    name: 'bulk_parse_queue_chunks',
    help: 'Chunks that wait for a worker thread',
    registers,
    collect() {
      this.set(piscina.queueSize);
    },
  });
  new Gauge({
    name: 'bulk_parse_utilization_ratio',
    help: 'Part of the time since the start that the worker threads were busy',
    registers,
    collect() {
      this.set(piscina.utilization);
    },
  });
  new Counter({
    name: 'bulk_parsed_chunks_total',
    help: 'Chunks that the worker threads have parsed',
    registers,
    collect() {
      this.reset();
      this.inc(piscina.completed);
    },
  });
}
