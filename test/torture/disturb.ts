// Lets faults happen at random places of a round's work, one after the other and now and then one within another, and
// waits until each is set right again.
import { setTimeout as pause } from 'node:timers/promises';
import type { Sql } from '../../db/client.ts';
import { verdictOf } from '../../db/sqlstate.ts';
import type { Random } from '../../testdata/random.ts';
import { drawFault, faults, type Victims } from './faults.ts';

export interface Disturbance {
  /** A sequence for each purpose, so that what one draws does not depend on when another does. */
  randomOf(name: string): Random;
  /** In all files of the round. */
  records: number;
  maxFaults: number;
  /** Of those that may come. */
  names: readonly string[];
}

/**
 * @param happened gets the names of the faults as they happen.
 * @throws what keeps a fault from being set right; the signal's reason.
 */
export async function disturb(
  victims: Omit<Victims, 'random'>,
  { randomOf, records, maxFaults, names }: Disturbance,
  happened: string[],
): Promise<void> {
  const { sql, signal } = victims;
  const random = randomOf('faults');
  const count = random.between(2, maxFaults);
  // Anywhere in the work, whatever the speed of the machine.
  const places = Array.from({ length: count }, () => random.below(records)).sort((a, b) => a - b);
  const mending: Promise<unknown>[] = [];
  try {
    for (const [n, place] of places.entries()) {
      await reached(sql, place, signal);
      await pause(random.below(30), undefined, { signal });
      const name = drawFault(random, names, happened);
      if (name === undefined) break;
      happened.push(name);
      const mended = faults[name]!.run({ ...victims, random: randomOf(`fault ${n}`) }).then(
        () => undefined,
        // The torture's own connection may be among the victims.
        (error: unknown) => (verdictOf(error) === 'transient' ? undefined : error),
      );
      mending.push(mended);
      // The server has only one life at a time.
      if (/ the database$/.test(name)) await mended;
    }
  } finally {
    await Promise.all(mending);
  }
  const [failure] = (await Promise.all(mending)).filter((error) => error !== undefined);
  if (failure) throw failure;
}

/** Waits until so many records have been committed, or nothing goes on: then it may be for a fault to set that right. */
async function reached(sql: Sql, records: number, signal: AbortSignal): Promise<void> {
  const giveUpAt = performance.now() + 700;
  while (performance.now() < giveUpAt) {
    signal.throwIfAborted();
    const found = await sql<{ done: boolean }[]>`
      SELECT coalesce(sum(records), 0) >= ${records} AS done FROM bulk.chunks`.catch((error: unknown) => {
      if (verdictOf(error) !== 'transient') throw error;
      return [];
    });
    if (found[0]?.done) return;
    await pause(10);
  }
}
