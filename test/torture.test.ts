// A short torture; `npm run torture` is the long one. Whatever ends in the middle of whatever: each record is one row or
// one rejected record, the counters say so, exports are whole or broken off, and nothing is left over.
import t from 'tap';
import { briefFaultNames } from './torture/faults.ts';
import { Torture } from './torture/torture.ts';

/** A seed under which three rounds have every kind of fault that does not take long, once. */
const [seed, rounds, size] = [75464, 3, 1_000];

t.test('kills, crashes and freezes at random moments: nothing is lost, doubled or left over', async (t) => {
  const torture = await Torture.start({ seed, size, fileSets: 1, maxFaults: 3, faults: briefFaultNames });
  t.after(async () => await torture.close());
  for (let round = 0; round < rounds; round++) {
    const { faults, findings } = await torture.round(round);
    const again = `npm run torture -- --seed ${seed} --size ${size} --brief --faults 3 --round ${round} --rounds 1`;
    t.same(findings, [], `${faults.join(', ')} (${again})`);
    if (findings.length > 0) return;
  }
  t.same(await torture.checkOrphans(), [], 'files that belong to no job are removed in time');
});
