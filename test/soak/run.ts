// The long run: npm run soak -- --seed 1 --minutes 10.
import fc from 'fast-check';
import t from 'tap';
import { readSeedAndMinutes } from '../seed-and-minutes.ts';
import { openSoak } from './soak.ts';

const { seed, minutes } = readSeedAndMinutes();

t.setTimeout(0);
t.test(`soak with seed ${seed} for ${minutes} minutes`, { timeout: 0 }, async (t) => {
  const { property, taken } = await openSoak(t);
  const details = await fc.check(property, {
    seed,
    numRuns: Number.MAX_SAFE_INTEGER,
    interruptAfterTimeLimit: minutes * 60_000,
    endOnFailure: true,
  });
  t.comment(Object.fromEntries([...taken].sort()));
  t.notOk(details.failed, details.failed ? (fc.defaultReportMessage(details) ?? '') : `${details.numRuns} times`);
});
