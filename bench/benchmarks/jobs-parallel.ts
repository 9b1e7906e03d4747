import { type Bench, type Benchmark, inTurn, type Sample } from '../benchmark.ts';
import type { DataFile } from '../data-files.ts';
import { awaitCompletion, upload } from '../http-client.ts';
import { expectCount } from '../measure-load.ts';
import type { RunningService } from '../service-process.ts';

const jobs = 10;

export default {
  name: 'jobs-parallel',
  description: 'ten imports of users posted at once against the same ten one after the other',
  reach: { ratio: 1 },
  async run(bench) {
    const files = await bench.files.userParts(jobs);
    const rounds = await inTurn(bench, {
      subject: async () =>
        await measure(bench, files, async (service) => {
          await Promise.all(files.map(async (file) => await importFile(service, file)));
        }),
      baseline: async () =>
        await measure(bench, files, async (service) => {
          for (const file of files) await importFile(service, file);
        }),
    });
    const subject = `${jobs} imports of ${files[0]!.records} users at once`;
    return [{ subject, baseline: 'one after the other', unit: 's', rounds }];
  },
} satisfies Benchmark;

async function importFile({ url }: RunningService, file: DataFile): Promise<void> {
  const job = await awaitCompletion(url, await upload(url, file));
  expectCount('loaded records', job.successful, file.valid);
}

async function measure(
  bench: Bench,
  files: readonly DataFile[],
  work: (service: RunningService) => Promise<void>,
): Promise<Sample> {
  const records = files.reduce((sum, file) => sum + file.records, 0);
  return await bench.databases.use({}, async (database) => {
    return await bench.services.use(database, async (service) => {
      const startMs = performance.now();
      await work(service);
      const seconds = (performance.now() - startMs) / 1000;
      const peak = await service.peakMegabytes();
      return {
        value: seconds,
        details: { rows_per_s: records / seconds, ...(peak === null ? {} : { peak_mb: peak }) },
      };
    });
  });
}
