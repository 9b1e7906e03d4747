import { type Bench, type Benchmark, inTurn, type Sample } from '../benchmark.ts';
import type { DataFile } from '../data-files.ts';
import { measureImport } from '../measure-load.ts';

export default {
  name: 'ten-million',
  description: 'cost per row of an import ten times as large into an empty table',
  reach: { ratio: 1.3 },
  onlyByName: true,
  async run(bench) {
    const { records } = bench.settings;
    const few = await bench.files.records('users', 'csv');
    const many = await bench.files.records('users', 'csv', { records: 10 * records });
    const rounds = await inTurn(bench, {
      subject: async () => await costPerRow(bench, many),
      baseline: async () => await costPerRow(bench, few),
    });
    return [{ subject: `import of ${many.records} users`, baseline: `of ${few.records}`, unit: 'µs/row', rounds }];
  },
} satisfies Benchmark;

async function costPerRow(bench: Bench, file: DataFile): Promise<Sample> {
  const { value, ...rest } = await measureImport(bench, file);
  return { value: (value / file.records) * 1e6, ...rest };
}
