import { type Bench, type Benchmark, inTurn, type Sample } from '../benchmark.ts';
import type { DataFile } from '../data-files.ts';
import { measureImport } from '../measure-load.ts';

export default {
  name: 'memory-import',
  description: 'peak memory of the service after an import of users against one of a tenth of them',
  reach: { ratio: 1.15, value: 300 },
  async run(bench) {
    const many = await bench.files.records('users', 'csv');
    const few = await bench.files.records('users', 'csv', { records: Math.ceil(many.records / 10) });
    const rounds = await inTurn(bench, {
      subject: async () => await peakOf(bench, many),
      baseline: async () => await peakOf(bench, few),
    });
    return [{ subject: `import of ${many.records} users`, baseline: `of ${few.records}`, unit: 'MB', rounds }];
  },
} satisfies Benchmark;

async function peakOf(bench: Bench, file: DataFile): Promise<Sample> {
  const { details } = await measureImport(bench, file);
  if (details?.peak_mb === undefined) throw new Error('this system does not tell the memory of a process (no /proc)');
  return { value: details.peak_mb };
}
