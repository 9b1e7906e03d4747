// Counters and histograms of the jobs that this process runs. Labels are bounded: resources, types and states, never
// anything of a job's own.
import { Counter, Histogram, type Registry } from 'prom-client';
import { endedStatuses } from '../../db/tables.ts';
import type { JobObserver } from '../job-observer.ts';
import { resources } from '../resources/index.ts';

/** From a seed file's few milliseconds to the hours of a hundred million records. */
const jobBucketsSeconds = [0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600, 14_400];
const stageBucketsSeconds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

export function observeJobs(registry: Registry): JobObserver {
  const registers = [registry];
  const attempts = new Counter({
    name: 'bulk_job_attempts_total',
    help: 'Attempts at jobs that this process has begun; more than jobs that ended: jobs are begun again',
    labelNames: ['type'],
    registers,
  });
  const ended = new Counter({
    name: 'bulk_jobs_ended_total',
    help: 'Jobs that this process brought to their end',
    labelNames: ['type', 'resource', 'state'],
    registers,
  });
  const duration = new Histogram({
    name: 'bulk_job_duration_seconds',
    help: 'From the start of the first attempt to the end of the job',
    labelNames: ['type', 'state'],
    buckets: jobBucketsSeconds,
    registers,
  });
  const records = new Counter({
    name: 'bulk_records_total',
    help: 'Records that this process loaded, rejected or exported in a job',
    labelNames: ['resource', 'outcome'],
    registers,
  });
  const stage = new Histogram({
    name: 'bulk_chunk_stage_seconds',
    help: 'Time of a chunk in a stage: split, parse (in a worker thread), load (one transaction) and in it look_up, copy, commit',
    labelNames: ['stage'],
    buckets: stageBucketsSeconds,
    registers,
  });
  // Zero is a figure too: a first failure is an increase only of a series that was there.
  for (const type of ['import', 'export']) {
    attempts.inc({ type }, 0);
    for (const resource of resources.keys()) {
      for (const state of endedStatuses) ended.inc({ type, resource, state }, 0);
    }
  }
  for (const resource of resources.keys()) {
    for (const outcome of ['loaded', 'rejected', 'exported']) records.inc({ resource, outcome }, 0);
  }
  return {
    attemptStarted({ type, resource }) {
      attempts.inc({ type });
      return {
        logBindings: {},
        chunkCut: (durationMs) => stage.observe({ stage: 'split' }, durationMs / 1000),
        chunkStarted() {},
        stagePassed: (_chunk, name, durationMs) => stage.observe({ stage: name }, durationMs / 1000),
        chunkLoaded(_chunk, { loaded, rejected }) {
          records.inc({ resource, outcome: 'loaded' }, loaded);
          records.inc({ resource, outcome: 'rejected' }, rejected);
        },
        ended() {},
      };
    },
    jobEnded({ type, resource, status, successful, started_at, completed_at }) {
      ended.inc({ type, resource, state: status });
      if (type === 'export') records.inc({ resource, outcome: 'exported' }, successful);
      // A job that is cancelled while it waits never started.
      if (started_at && completed_at) {
        duration.observe({ type, state: status }, (Number(completed_at) - Number(started_at)) / 1000);
      }
    },
  };
}
