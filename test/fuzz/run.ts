// The long run: npm run fuzz -- --seed 1 --minutes 10. Ends with the first input that breaks something, shown as small as
// fast-check can make it; the same seed and time lead there again.
import fc from 'fast-check';
import t from 'tap';
import { readSeedAndMinutes } from '../seed-and-minutes.ts';
import { openTargets } from './targets.ts';

const { seed, minutes } = readSeedAndMinutes();
const totalMs = minutes * 60_000;
const turnMs = 5_000;

t.setTimeout(0);
t.test(`fuzzing with seed ${seed} for ${minutes} minutes`, { timeout: 0 }, async (t) => {
  const { targets, fileBytes, finish } = await openTargets(t);
  const runs = new Map(targets.map(({ name }) => [name, 0]));
  const endAt = Date.now() + totalMs;
  for (let turn = 0; Date.now() < endAt; turn++) {
    for (const { name, weight, property } of targets) {
      const details = await fc.check(property, {
        seed: seed + turn,
        numRuns: Number.MAX_SAFE_INTEGER,
        interruptAfterTimeLimit: Math.min(weight * turnMs, totalMs / targets.length),
      });
      runs.set(name, (runs.get(name) ?? 0) + details.numRuns);
      if (details.failed) throw new Error(`${name}: ${fc.defaultReportMessage(details)}`);
    }
    t.comment(new Date().toISOString(), { ...Object.fromEntries(runs), 'bytes of files': fileBytes() });
  }
  await finish();
});
