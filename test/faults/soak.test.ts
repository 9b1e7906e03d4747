// A seeded, short run of the soak (npm run soak is the long one).
import fc from 'fast-check';
import t from 'tap';
import { openSoak } from '../soak/soak.ts';

t.test('whatever clients and faults have taken is given back', async (t) => {
  const { property, taken } = await openSoak(t);
  await t.resolves(fc.assert(property, { seed: 20_261_129, numRuns: 2, endOnFailure: true }));
  for (const end of ['POST /v1/imports 202', 'POST /v1/imports/:id/cancel 202', 'GET /v1/exports left'])
    t.ok(taken.has(end), end);
});
