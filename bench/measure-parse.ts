// What one parse thread does with a file against what the library for its format alone takes for the same bytes. Both
// run in one thread with the limits of the service's, of its own for each benchmark: code that has seen other resources and formats
// before is slower, by half. It is warmed up by a round that is not measured.
import { Piscina } from 'piscina';
import { parseThreadLimits } from '../plugins/parse-pool.ts';
import { type Benchmark, inTurn, type Sample } from './benchmark.ts';
import type { DataFile } from './data-files.ts';
import { expectCount } from './measure-load.ts';
import type { ParseTask, ParseTime } from './parse-file.ts';

type ParseBenchmark = Omit<Benchmark, 'run'> & Pick<DataFile, 'resource' | 'format'> & { baseline: string };

export function parseAgainst({ resource, format, baseline, ...benchmark }: ParseBenchmark): Benchmark {
  return {
    ...benchmark,
    async run(bench) {
      const file = await bench.files.records(resource, format);
      const thread = new Piscina<ParseTask, ParseTime>({
        filename: new URL('./parse-file.ts', import.meta.url).href,
        maxThreads: 1,
        // The file stays in the thread, and outside its heap.
        resourceLimits: parseThreadLimits,
      });
      const measure = async (by: ParseTask['by']): Promise<Sample> => {
        const { seconds, records } = await thread.run({ file, by }, { signal: bench.signal });
        expectCount('records', records, file.records);
        return { value: seconds, details: { rows_per_s: records / seconds } };
      };
      const sides = {
        subject: async () => await measure('service'),
        baseline: async () => await measure('library'),
      };
      try {
        await sides.subject();
        await sides.baseline();
        const rounds = await inTurn(bench, sides);
        return [{ subject: `${file.records} ${resource}, ${format}, one thread`, baseline, unit: 's', rounds }];
      } finally {
        await thread.destroy();
      }
    },
  };
}
