// How much there may be: unfinished jobs of all and of each owner, and bytes that are kept for an owner. Asked before a
// request is received, so that it is refused early, and once more in the transaction that makes the job, where nobody
// else's can come between. Without API keys there are no owners, and the disk is the limit.
import fp from 'fastify-plugin';
import type { Transaction } from 'kysely';
import type { Job, JobType } from '../db/jobs.ts';
import { lockQueueing } from '../db/queue-entries.ts';
import type { Database } from '../db/tables.ts';
import { hasFewerUnfinished, keptBytes, storedBytes } from '../db/usage.ts';
import { JobFault } from '../src/import/job-fault.ts';
import { problem } from '../src/problems.ts';
import { UploadMeter } from '../src/upload-meter.ts';

export interface Quotas {
  /** @throws Problem too_many_jobs, storage_quota. */
  assertRoom(type: JobType, owner: string | null): Promise<void>;
  /**
   * Passes on an upload as long as the owner has room for it.
   * @throws Problem storage_quota, while it is read.
   */
  meter(owner: string | null, content: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array>;
  /**
   * To be called once the job is there and before anything else is locked; until the transaction ends no other job is made.
   * @throws Problem too_many_jobs, storage_quota: roll back.
   */
  assertWithin(tx: Transaction<Database>, job: Job): Promise<void>;
  /**
   * Passes on the bytes of an export's file as long as its owner has room for them. Exports that run at the same moment
   * see one another as of their start: what they have together is settled at their ends.
   * @throws JobFault storage_quota, while it is read.
   */
  meterExport(job: Job, content: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array>;
  /**
   * To be called once an export names its file and before anything else is locked; until the transaction ends no other
   * file counts. Of exports that end together those have room that are first.
   * @throws JobFault storage_quota: roll back.
   */
  assertKept(tx: Transaction<Database>, job: Job): Promise<void>;
}

declare module 'fastify' {
  interface FastifyInstance {
    quotas: Quotas;
  }
}

const retrySeconds = 10;

export default fp(
  async (app) => {
    const { db, config } = app;
    const { maxUnfinished, maxUnfinishedPerOwner, maxStoredBytesPerOwner } = config.jobs;
    const uploads = new UploadMeter();
    const storageFull = `the uploads and exports that are kept for this API key's owner may have ${maxStoredBytesPerOwner} bytes together (MAX_STORED_SIZE_PER_OWNER)`;
    const refuseStorage = () => problem('storage_quota', `${storageFull}; room is made as they expire`);

    async function assertJobs(by: typeof db, type: JobType, owner: string | null, more: 0 | 1): Promise<void> {
      if (!(await hasFewerUnfinished(by, type, maxUnfinished + more))) {
        throw tooMany(`${maxUnfinished} ${type} jobs are running or waiting`);
      }
      if (owner !== null && !(await hasFewerUnfinished(by, type, maxUnfinishedPerOwner + more, owner))) {
        throw tooMany(`${maxUnfinishedPerOwner} ${type} jobs of this API key's owner are running or waiting`);
      }
    }

    app.decorate('quotas', {
      async assertRoom(type, owner) {
        await assertJobs(db, type, owner, 0);
        if (owner !== null && (await storedBytes(db, owner)) >= maxStoredBytesPerOwner) throw refuseStorage();
      },

      async *meter(owner, content) {
        if (owner === null) return yield* content;
        const room = maxStoredBytesPerOwner - (await storedBytes(db, owner));
        yield* uploads.meter(owner, content, room, refuseStorage);
      },

      async assertWithin(tx, { type, owner }) {
        await lockQueueing(tx);
        await assertJobs(tx, type, owner, 1);
        if (owner !== null && (await storedBytes(tx, owner)) > maxStoredBytesPerOwner) throw refuseStorage();
      },

      async *meterExport({ id, owner }, content) {
        if (owner === null) return yield* content;
        let room = maxStoredBytesPerOwner - (await storedBytes(db, owner, id));
        for await (const block of content) {
          room -= block.length;
          if (room < 0) throw new JobFault('storage_quota', storageFull);
          yield block;
        }
      },

      async assertKept(tx, { owner }) {
        if (owner === null) return;
        await lockQueueing(tx);
        if ((await keptBytes(tx, owner)) > maxStoredBytesPerOwner) throw new JobFault('storage_quota', storageFull);
      },
    } satisfies Quotas);
  },
  { name: 'quotas', dependencies: ['problem-details', 'database'] },
);

function tooMany(what: string): Error {
  return problem('too_many_jobs', `${what}; try again when one has ended`, {}, { 'retry-after': String(retrySeconds) });
}
