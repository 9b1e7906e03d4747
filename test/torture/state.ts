// How things stand in the database: whether all has come to rest, and, for whoever looks for a fault, everything else.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Sql } from '../../db/client.ts';
import { findLeftovers } from './checks.ts';

export interface Rest {
  /** When the time is up or the signal says so; in words. */
  left: string[];
  /** What came to its end last. */
  last: string[];
}

/** Waits until no job runs and nothing is left over. */
export async function awaitRest(sql: Sql, patienceMs: number, signal: AbortSignal): Promise<Rest> {
  const giveUpAt = performance.now() + patienceMs;
  let last: string[] = [];
  for (;;) {
    const left = await findLeftovers(sql).catch((error: Error) => [`the database: ${error.message}`]);
    if (left.length === 0) return { left, last };
    last = left;
    if (signal.aborted || performance.now() > giveUpAt) return { left: left.map((what) => `left over: ${what}`), last };
    await pause(50);
  }
}

/** Of all jobs together. */
export async function countAttempts(sql: Sql): Promise<number> {
  const [tried] = await sql<{ attempts: number }[]>`SELECT coalesce(sum(attempt), 0)::int AS attempts FROM bulk.jobs`;
  return tried?.attempts ?? 0;
}

/** Writes jobs, chunks, queue entries and sessions as JSON; what the database does not tell, it says why. */
export async function writeState(sql: Sql, folder: string): Promise<void> {
  const questions = {
    jobs: sql`SELECT * FROM bulk.jobs ORDER BY seq`,
    chunks: sql`SELECT * FROM bulk.chunks ORDER BY job_id, chunk`,
    keys: sql`SELECT * FROM bulk.idempotency_keys`,
    entries: sql`SELECT * FROM pgboss.job WHERE name IN ('import', 'export') ORDER BY created_on`,
    sessions: sql`SELECT * FROM pg_stat_activity WHERE datname = current_database()`,
  };
  const state: Record<string, unknown> = {};
  for (const [name, answer] of Object.entries(questions))
    state[name] = await answer.catch((error: Error) => error.message);
  await writeFile(join(folder, 'state.json'), JSON.stringify(state, null, 2));
}
