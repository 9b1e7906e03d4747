import { type Benchmark, inTurn } from '../benchmark.ts';
import { measureImport } from '../measure-load.ts';

export default {
  name: 'import-users-invalid',
  description: 'import of users of whom two thirds are invalid against an all-valid import',
  reach: { ratio: 1 },
  async run(bench) {
    const valid = await bench.files.records('users', 'csv');
    const invalid = await bench.files.records('users', 'csv', { invalid: 2 / 3 });
    const rounds = await inTurn(bench, {
      subject: async () => await measureImport(bench, invalid),
      baseline: async () => await measureImport(bench, valid),
    });
    const subject = `import of ${invalid.records} users, ${invalid.records - invalid.valid} invalid`;
    return [{ subject, baseline: 'import of valid ones', unit: 's', rounds }];
  },
} satisfies Benchmark;
