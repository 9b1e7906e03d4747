// Follows jobs for all who listen: one statement twice a second for all of them together, however many listeners there
// are, and none while there are none. What a listener gets is made once for all who may see the same.
import type { Kysely } from 'kysely';
import type { Logger } from 'pino';
import { findJobs, type Job, type JobType } from '../../db/jobs.ts';
import type { Database } from '../../db/tables.ts';
import { hasEnded } from '../import/import-view.ts';
import type { JobState } from './event-stream.ts';

const pollMs = 500;

/** Told of every new state; null: the job is there no more. */
export type Listener = (state: JobState | null) => void;

export interface FeedServices {
  db: Kysely<Database>;
  /** A job as the API shows it. @param of whose jobs alone there are, for the caller; undefined: everybody's. */
  view: Record<JobType, (job: Job, of: string | undefined) => Promise<object>>;
  log: Pick<Logger, 'warn' | 'debug'>;
}

interface Feed {
  jobId: string;
  of: string | undefined;
  state: JobState;
  listeners: Set<Listener>;
}

export class JobFeeds {
  readonly #services: FeedServices;
  readonly #feeds = new Map<string, Feed>();
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> | null = null;
  #lookAgain = false;
  #failing = false;

  constructor(services: FeedServices) {
    this.#services = services;
  }

  /** The state of a job that has just been read. */
  async stateOf(job: Job, of: string | undefined): Promise<JobState> {
    const data = JSON.stringify(await this.#services.view[job.type](job, of));
    return { id: versionOf(job), ended: hasEnded(job), pending: job.status === 'pending', data };
  }

  /** @param state of the job, as the listener knows it. @returns ends it; may be called more than once. */
  follow(job: Job, of: string | undefined, state: JobState, listener: Listener): () => void {
    const key = `${job.id} ${of ?? ''}`;
    const feed = this.#feeds.get(key) ?? { jobId: job.id, of, state, listeners: new Set() };
    this.#feeds.set(key, feed);
    feed.listeners.add(listener);
    if (feed.state.id > state.id) listener(feed.state);
    this.#timer ??= setInterval(() => this.look(), pollMs).unref();
    // Something may have happened since it was read.
    this.look();
    return () => {
      feed.listeners.delete(listener);
      if (feed.listeners.size === 0 && this.#feeds.get(key) === feed) this.#feeds.delete(key);
      if (this.#feeds.size === 0) this.close();
    };
  }

  /** Looks now rather than with the next poll: something is known to have happened. */
  look(): void {
    if (this.#feeds.size === 0) return;
    if (this.#looking) {
      this.#lookAgain = true;
      return;
    }
    this.#looking = this.#poll()
      .then(
        () => void (this.#failing = false),
        (error: unknown) => {
          // Listeners wait as they do for a job that stands still; the first poll that succeeds tells them all.
          this.#services.log[this.#failing ? 'debug' : 'warn']({ err: error }, 'Jobs cannot be followed');
          this.#failing = true;
        },
      )
      .finally(() => {
        this.#looking = null;
        if (!this.#lookAgain) return;
        this.#lookAgain = false;
        this.look();
      });
  }

  close(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  async #poll(): Promise<void> {
    const feeds = [...this.#feeds.values()];
    const found = await findJobs(this.#services.db, [...new Set(feeds.map(({ jobId }) => jobId))]);
    const jobs = new Map(found.map((job) => [job.id, job]));
    for (const feed of feeds) {
      const job = jobs.get(feed.jobId);
      const state = job ? await this.#newState(feed, job) : null;
      if (state === undefined) continue;
      if (state) feed.state = state;
      for (const listener of [...feed.listeners]) listener(state);
    }
  }

  /** Undefined: there is nothing new. */
  async #newState({ state, of }: Feed, job: Job): Promise<JobState | undefined> {
    const pending = job.status === 'pending';
    if (versionOf(job) === state.id && !pending) return undefined;
    const now = await this.stateOf(job, of);
    return now.data === state.data ? undefined : now;
  }
}

/** Counters and attempts only grow; of a finished job it is odd. */
function versionOf(job: Job): number {
  const done = job.attempt + job.successful + job.failed + job.error_count + job.bytes_processed;
  return 2 * done + (hasEnded(job) ? 1 : 0);
}
