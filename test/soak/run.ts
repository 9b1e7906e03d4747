// The long run: npm run soak -- --seed 1 --minutes 10.
import { parseArgs } from 'node:util';
import fc from 'fast-check';
import t from 'tap';
import { openSoak } from './soak.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
    minutes: { type: 'string', default: '1' },
  },
});
const [seed, minutes] = [Number(values.seed), Number(values.minutes)];
if (!Number.isInteger(seed) || !(minutes > 0)) throw new Error('--seed takes a whole number, --minutes one above 0');

t.setTimeout(0);
t.test(`soak with seed ${seed} for ${values.minutes} minutes`, { timeout: 0 }, async (t) => {
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
