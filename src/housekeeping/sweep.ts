// Retention: removes what has outlived its time, in small statements of which a run has a limited number; what it leaves
// is left to the next run. An interruption anywhere is harmless: a job is first hidden, then loses its parts, then goes; a
// file is first forgotten by its job, then deleted, and found by remove-orphans.ts when that did not happen.
import type { Kysely } from 'kysely';
import { deleteExpiredKeys, deleteJob, deletePart, findHidden, hideJobs, releaseFiles } from '../../db/sweeps.ts';
import type { Database } from '../../db/tables.ts';
import type { Config } from '../config.ts';
import type { FileStore } from '../file-store.ts';

export interface SweepServices {
  db: Kysely<Database>;
  uploads: FileStore;
  exports: FileStore;
  ttl: Config['ttl'];
  signal: AbortSignal;
}

export interface SweepLimits {
  /** Jobs, files or keys that a statement changes. */
  jobs: number;
  /** Row errors or checkpoints that a statement deletes. */
  rows: number;
  /** Statements of each kind in a run. */
  statements: number;
}

/** A job takes three statements, more than 5,000 row errors or checkpoints further ones. */
const defaultLimits: SweepLimits = { jobs: 100, rows: 5_000, statements: 1_000 };

/** What a run has removed, in numbers. */
export interface Swept {
  keys: number;
  uploads: number;
  exports: number;
  row_errors: number;
  jobs: number;
}

/** @param now times are compared with this. @throws the signal's reason; the database's and the file system's errors. */
export async function sweep(services: SweepServices, now: Date, limits = defaultLimits): Promise<Swept> {
  const { db, uploads, exports, ttl, signal } = services;
  const ago = (ms: number) => new Date(now.getTime() - ms);
  const { jobs, statements } = limits;
  const releaseAll = async (type: 'import' | 'export', store: FileStore, before: Date) =>
    await exhaust(new Budget(statements, signal), jobs, async () => {
      const files = await releaseFiles(db, type, before, jobs);
      for (const file of files) await store.remove(file);
      return files.length;
    });
  return {
    keys: await exhaust(new Budget(statements, signal), jobs, async () => await deleteExpiredKeys(db, now, jobs)),
    uploads: await releaseAll('import', uploads, ago(ttl.uploadMs)),
    exports: await releaseAll('export', exports, now),
    ...(await sweepJobs(services, now, ago(ttl.jobMs), limits)),
  };
}

async function sweepJobs(
  { db, uploads, exports, signal }: SweepServices,
  now: Date,
  endedBefore: Date,
  limits: SweepLimits,
): Promise<Pick<Swept, 'jobs' | 'row_errors'>> {
  await exhaust(
    new Budget(limits.statements, signal),
    limits.jobs,
    async () => await hideJobs(db, endedBefore, now, limits.jobs),
  );
  const swept = { jobs: 0, row_errors: 0 };
  const budget = new Budget(limits.statements, signal);
  for (const id of await findHidden(db, limits.statements)) {
    const deleteAll = async (table: 'row_errors' | 'chunks') =>
      await exhaust(budget, limits.rows, async () => await deletePart(db, table, id, limits.rows));
    swept.row_errors += await deleteAll('row_errors');
    await deleteAll('chunks');
    if (!budget.spend()) break;
    const gone = await deleteJob(db, id);
    if (!gone) continue;
    swept.jobs++;
    if (gone.file) await { import: uploads, export: exports }[gone.type].remove(gone.file);
  }
  return swept;
}

/** The statements that a run may still send. */
class Budget {
  #left: number;
  readonly #signal: AbortSignal;

  constructor(statements: number, signal: AbortSignal) {
    this.#left = statements;
    this.#signal = signal;
  }

  /** @returns false when nothing is left. @throws the signal's reason. */
  spend(): boolean {
    this.#signal.throwIfAborted();
    return this.#left-- > 0;
  }
}

/** Repeats a statement until it finds less than its limit, or the budget is spent. @returns how much it found in all. */
async function exhaust(budget: Budget, limit: number, statement: () => Promise<number>): Promise<number> {
  let total = 0;
  while (budget.spend()) {
    const found = await statement();
    total += found;
    if (found < limit) break;
  }
  return total;
}
