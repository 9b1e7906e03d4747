// A client that asks at a fixed pace, whether or not earlier answers are there, and counts each latency from when the
// question was due: a server that stalls is seen by every question that would have come meanwhile.
import { setTimeout as wait } from 'node:timers/promises';
import type { Sample } from './benchmark.ts';
import { percentile } from './statistics.ts';

/**
 * @param ask one question, numbered from 0; a rejection ends the load.
 * @param until asks as long as this has not settled.
 * @returns latencies in milliseconds. @throws what `ask` or `until` throws.
 */
export async function steadyLoad(
  ask: (question: number) => Promise<unknown>,
  intervalMs: number,
  until: Promise<unknown>,
): Promise<number[]> {
  const latenciesMs: number[] = [];
  const underWay = new Set<Promise<void>>();
  let over = false;
  const failure = Promise.withResolvers<never>();
  const ending = until.finally(() => {
    over = true;
  });
  const startMs = performance.now();
  const asking = (async () => {
    for (let question = 0; !over; question++) {
      const dueMs = startMs + question * intervalMs;
      await wait(Math.max(0, dueMs - performance.now()));
      const asked = ask(question)
        .then(() => void latenciesMs.push(performance.now() - dueMs), failure.reject)
        .finally(() => underWay.delete(asked));
      underWay.add(asked);
    }
    await Promise.all(underWay);
  })();
  await Promise.race([Promise.all([ending, asking]), failure.promise]);
  return latenciesMs;
}

/** The 99th percentile, with what surrounds it. */
export function latencySample(latenciesMs: readonly number[]): Sample {
  const at = (share: number) => percentile(latenciesMs, share);
  return { value: at(0.99), details: { p50_ms: at(0.5), max_ms: at(1), asked: latenciesMs.length } };
}
