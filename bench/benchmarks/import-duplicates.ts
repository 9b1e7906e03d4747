import { type Benchmark, repeat } from '../benchmark.ts';
import { timeImport } from '../measure-load.ts';

export default {
  name: 'import-duplicates',
  description: 'the same file of users a second time, every record a duplicate, against the first time',
  reach: {},
  async run(bench) {
    const file = await bench.files.records('users', 'csv');
    const round = async () =>
      await bench.databases.use({}, async (database) => {
        return await bench.services.use(database, async (service) => {
          const baseline = await timeImport(bench, service, file);
          const subject = await timeImport(bench, service, file, 0);
          return { subject, baseline };
        });
      });
    const subject = `import of ${file.records} users, all duplicates`;
    return [{ subject, baseline: 'import of the same, new', unit: 's', rounds: await repeat(bench, round) }];
  },
} satisfies Benchmark;
