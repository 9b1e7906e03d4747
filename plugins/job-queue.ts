// Job scheduling by pg-boss. A job and its queue entry are made in one transaction; an import that refers to records
// of earlier unfinished imports gets its entry when the last of these ends. Whatever slips (a deleted entry, a process
// that died) is found by a sweep: every unfinished job of this process's resources and DB_SCHEMA that waits for nothing has
// a live entry.
import { randomUUID } from 'node:crypto';
import fp from 'fastify-plugin';
import type { Transaction } from 'kysely';
import { fromKysely, PgBoss } from 'pg-boss';
import { sessionLimits, sessionOptions } from '../db/client.ts';
import type { JobType } from '../db/jobs.ts';
import {
  countForeign,
  findUnqueued,
  lockQueueing,
  type Parents,
  queueName,
  requeueOrphaned,
} from '../db/queue-entries.ts';
import type { Database } from '../db/tables.ts';
import { connectionBudget } from '../src/connection-budget.ts';
import { resources } from '../src/resources/index.ts';
import { referencesOf } from '../src/resources/resource.ts';

/** Runs one attempt of a job to its end. Rejecting means: not ended, hand it on. */
export type RunJob = (jobId: string, signal: AbortSignal) => Promise<void>;

/** Does a recurring task once. Rejecting means: never mind, the next time will do. */
export type RunTask = (signal: AbortSignal) => Promise<void>;

export interface JobQueue {
  /** Names the function that runs jobs of a type; jobs are fetched once the app is ready. */
  register(type: JobType, run: RunJob): void;
  /**
   * Names the function that does a recurring task: at every start and then as scheduled, in one process at a time.
   * @param cron in UTC, no finer than a minute.
   */
  schedule(task: string, cron: string, run: RunTask): void;
  /** Gives every job that may run its queue entry. Part of each transaction that makes or ends a job. */
  enqueueReady(tx: Transaction<Database>): Promise<void>;
  /** Tells a job that runs in this process that it was cancelled; one elsewhere sees it at its next chunk. */
  abort(jobId: string): void;
  readonly parents: Parents;
  /** Names this process in the jobs that it runs. */
  readonly runner: string;
  /** Running in this process. */
  readonly running: number;
}

declare module 'fastify' {
  interface FastifyInstance {
    queue: JobQueue;
  }
}

/** What the queue keeps of a job. An entry of an earlier version has the id alone. */
interface QueueEntry {
  jobId: string;
  resource?: string;
  schema?: string;
}

/** What an interrupted job's signal says. */
export class Interrupted extends Error {}

const queueOptions = {
  // One live entry per job, whoever enqueues it.
  policy: 'exclusive',
  // A process that died is noticed by its missing heartbeat.
  heartbeatSeconds: 10,
  // The longest that pg-boss takes; an expired entry is handed on and its successor continues at the checkpoints.
  expireInSeconds: 86_400,
  // Retries are spent by restarts as well; whether a job fails is decided by the job, not here.
  retryLimit: 1_000_000,
  retryDelay: 1,
  retryBackoff: true,
  retryDelayMax: 30,
  retentionSeconds: 365 * 86_400,
  deleteAfterSeconds: 3_600,
  notify: true,
};
/**
 * A task that fails is left to its next occurrence. One whose process dies is taken over as soon as that is noticed: until
 * then whatever else asks for it, such as the start of the next process, gets none of its own.
 */
const taskOptions = {
  policy: 'exclusive',
  heartbeatSeconds: 10,
  expireInSeconds: 3_600,
  retryLimit: 10,
  deleteAfterSeconds: 3_600,
};
const taskPolling = { pollingIntervalSeconds: 10 };
/** The second is for when announcements are listened for: retries are not announced. */
const polling = { pollingIntervalSeconds: 2, notifyPollingIntervalSeconds: 2 };
const sweepIntervalMs = 2_000;
const types = ['import', 'export'] as const satisfies readonly JobType[];

export default fp(
  async (app) => {
    const budget = connectionBudget(app.config);
    const runner = randomUUID();
    const { host, port, user, password, database, ssl, schema } = app.connection;
    const boss = new PgBoss({
      host,
      port,
      user,
      password,
      database,
      ssl,
      max: budget.queue - 1,
      application_name: queueName(runner),
      createSchema: false,
      // Handed to its driver, though its types do not say so.
      ...sessionLimits,
      ...{ options: sessionOptions },
      useListenNotify: true,
      superviseIntervalSeconds: 5,
      monitorIntervalSeconds: 5,
    });
    boss.on('error', (error) => app.log.warn({ err: error }, 'The job queue cannot reach the database'));
    boss.on('warning', (warning) => app.log.debug({ warning }, 'Job queue'));
    await boss.start();
    for (const type of types) await boss.createQueue(type, queueOptions);

    const known = [...resources.keys()];
    const parents = [...resources.values()].flatMap((child) => {
      const names = new Set(referencesOf(child).map(({ resource }) => resource));
      return [...names].map((parent) => ({ child: child.name, parent }));
    });
    const runs = new Map<JobType, RunJob>();
    const tasks = new Map<string, { cron: string; run: RunTask }>();
    const running = new Map<string, AbortController>();
    const stopping = new AbortController();

    async function enqueueReady(tx: Transaction<Database>): Promise<void> {
      await lockQueueing(tx);
      const { maxRunningPerOwner: maxPerOwner } = app.config.jobs;
      for (const { id, type, resource } of await findUnqueued(tx, { resources: known, parents, maxPerOwner })) {
        const entry = { jobId: id, resource, schema } satisfies QueueEntry;
        await boss.send(type, entry, { db: fromKysely(tx), singletonKey: id });
      }
    }

    async function runEntry(type: JobType, jobId: string, signal: AbortSignal): Promise<void> {
      // An entry whose fetching was under way when the stop began.
      stopping.signal.throwIfAborted();
      const controller = new AbortController();
      running.set(jobId, controller);
      try {
        await runs.get(type)?.(jobId, AbortSignal.any([controller.signal, signal]));
      } finally {
        if (running.get(jobId) === controller) running.delete(jobId);
      }
    }

    /** Not, when a process of another DB_SCHEMA or version accepted it: its sweep makes another entry of one that ends. */
    const isOurs = ({ resource, schema: itsSchema }: QueueEntry) =>
      (resource === undefined || resources.has(resource)) && (itsSchema === undefined || itsSchema === schema);

    /** Runs one job at a time. */
    async function startWorker(type: JobType): Promise<void> {
      const worker = await boss.work<QueueEntry>(type, polling, async ([entry]) => {
        try {
          if (entry && isOurs(entry.data)) await runEntry(type, entry.data.jobId, entry.signal);
        } finally {
          // The next entry may have been announced while this one ran; without a word of ours it would wait for the poll.
          boss.notifyWorker(worker);
        }
      });
    }

    async function startTask(task: string, cron: string, run: RunTask): Promise<void> {
      await boss.createQueue(task, taskOptions);
      await boss.schedule(task, cron);
      await boss.send(task);
      await boss.work(task, taskPolling, async ([entry]) => {
        try {
          if (entry) await run(AbortSignal.any([entry.signal, stopping.signal]));
        } catch (error) {
          if (stopping.signal.aborted) return;
          app.log.warn({ err: error, task }, 'A recurring task failed; it will be done the next time');
        }
      });
    }

    const sweep = async () =>
      await app.db.transaction().execute(async (tx) => {
        await requeueOrphaned(tx, { runner, running: [...running.keys()] });
        await enqueueReady(tx);
      });
    let sweeper: NodeJS.Timeout | undefined;
    let sweeping: Promise<void> | null = null;

    app.addHook('onReady', async () => {
      await sweep();
      const foreign = await countForeign(app.db, known);
      if (foreign > 0)
        app.log.warn(
          { jobs: foreign },
          'Unfinished jobs are of another DB_SCHEMA, or of resources that are not known here',
        );
      sweeper = setInterval(() => {
        // One at a time: while somebody has locked what they read, they would come to fill the API's pool.
        sweeping ??= sweep()
          .catch((error) => app.log.warn({ err: error }, 'The sweep for unqueued jobs failed'))
          .finally(() => (sweeping = null));
      }, sweepIntervalMs);
      for (const type of types) {
        const concurrency = { import: budget.importJobs, export: budget.exportJobs }[type];
        for (let count = 0; count < concurrency; count++) await startWorker(type);
      }
      for (const [task, { cron, run }] of tasks) await startTask(task, cron, run);
    });

    // Before the server closes: chunks in flight commit, the entries of unfinished jobs go back to the queue.
    app.addHook('preClose', async () => {
      clearInterval(sweeper);
      const interrupted = new Interrupted('the service is stopping');
      for (const controller of [stopping, ...running.values()]) controller.abort(interrupted);
      await boss.stop({ graceful: true, timeout: app.config.shutdownTimeoutMs });
    });

    app.decorate('queue', {
      register: (type, run) => void runs.set(type, run),
      schedule: (task, cron, run) => void tasks.set(task, { cron, run }),
      enqueueReady,
      abort: (jobId) => running.get(jobId)?.abort(new Interrupted('the job was cancelled')),
      parents,
      runner,
      get running() {
        return running.size;
      },
    } satisfies JobQueue);
  },
  { name: 'job-queue', dependencies: ['database'] },
);
