import { type Bench, type Benchmark, inTurn, type Sample } from '../benchmark.ts';
import { download } from '../http-client.ts';
import { expectCount } from '../measure-load.ts';

export default {
  name: 'memory-export',
  description: 'peak memory of the service after an export of users against one of a tenth of them',
  reach: { ratio: 1.15, value: 300 },
  async run(bench) {
    const many = bench.files.sizeOf('users');
    const few = Math.ceil(many / 10);
    const rounds = await inTurn(bench, {
      subject: async () => await peakOf(bench, many),
      baseline: async () => await peakOf(bench, few),
    });
    return [{ subject: `export of ${many} users, ndjson`, baseline: `of ${few}`, unit: 'MB', rounds }];
  },
} satisfies Benchmark;

async function peakOf(bench: Bench, records: number): Promise<Sample> {
  return await bench.databases.use({ loaded: ['users'] }, async (database) => {
    return await bench.services.use(database, async (service) => {
      const url = `${service.url}/v1/exports?resource=users&format=ndjson&limit=${records}`;
      expectCount('exported records', (await download(url, { countLines: true })).lines, records);
      const peak = await service.peakMegabytes();
      if (peak === null) throw new Error('this system does not tell the memory of a process (no /proc)');
      return { value: peak };
    });
  });
}
