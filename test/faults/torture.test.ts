// A short torture; `npm run torture` is the long one. Whatever ends in the middle of whatever: each record is one row or
// one rejected record, the counters say so, exports are whole or broken off, and nothing is left over.
import t from 'tap';
import { briefFaultNames } from '../torture/faults.ts';
import { Torture } from '../torture/torture.ts';

/** A seed under which two rounds have every kind of fault that does not take long. */
const [seed, rounds, size, maxFaults] = [4022, 2, 1_000, 5];

t.test('kills, crashes and freezes at random moments: nothing is lost, doubled or left over', async (t) => {
  const torture = await Torture.start({ seed, size, fileSets: 1, maxFaults, faults: briefFaultNames });
  t.after(async () => await torture.close());
  const happened = new Set<string>();
  for (let round = 0; round < rounds; round++) {
    const { faults, findings, records } = await torture.round(round);
    const again = `npm run torture -- --seed ${seed} --size ${size} --brief --faults ${maxFaults} --round ${round} --rounds 1`;
    t.same(findings, [], `${faults.join(', ')} (${again})`);
    if (findings.length > 0) return;
    t.match(records, { lost: 0, doubled: 0 });
    t.ok(records!.checked >= 3 * size);
    for (const fault of faults) happened.add(fault);
  }
  t.same([...happened].toSorted(), briefFaultNames.toSorted(), 'each kind of fault has come');
  t.same(await torture.checkOrphans(), [], 'files that belong to no job are removed in time');
});
