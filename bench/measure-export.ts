// How long the service takes to hand out a table's rows, against one COPY of the same statement. Reading changes
// nothing, so all rounds of a benchmark share one database, whose table is vacuumed and in memory.
import { encodeRows } from '../src/export/encode-rows.ts';
import type { Format } from '../src/resources/formats.ts';
import { resourceNamed } from '../src/resources/index.ts';
import type { ResourceName } from '../testdata/valid-records.ts';
import { type Bench, type Benchmark, inTurn, type Reach, type Sample } from './benchmark.ts';
import { download } from './http-client.ts';
import { expectCount, perMillion } from './measure-load.ts';

/** A benchmark of a streamed export against a COPY TO of the same query. */
export function exportAgainstCopy(resource: ResourceName, format: Format, reach: Reach): Benchmark {
  return {
    name: `export-${resource}-${format}`,
    description: `export of ${resource} as ${format} against raw COPY TO of the same query`,
    reach,
    async run(bench) {
      const records = bench.files.sizeOf(resource);
      const statement = encodeRows(
        resourceNamed(resource),
        { fields: Object.keys(resourceNamed(resource).fields), filters: [] },
        format,
      );
      const rounds = await bench.databases.use({ loaded: [resource] }, async (database) => {
        return await bench.services.use(database, async (service) => {
          const url = `${service.url}/v1/exports?resource=${resource}&format=${format}`;
          // Not measured: brings the table into memory for both, and shows that the export is whole.
          const whole = await download(url, { countLines: true });
          if (format === 'ndjson') expectCount('exported lines', whole.lines, records);
          // Fields of a CSV may hold line breaks.
          else if (whole.lines < records) throw new Error(`${whole.lines} lines exported of ${records} records`);
          return await inTurn(bench, {
            subject: async () =>
              await measure(bench, records, async () => {
                const startMs = performance.now();
                const { bytes } = await download(url);
                const seconds = (performance.now() - startMs) / 1000;
                expectCount('exported bytes', bytes, whole.bytes);
                return seconds;
              }),
            baseline: async () =>
              await measure(bench, records, async () => await bench.copy.unload(database, statement)),
          });
        });
      });
      const subject = `export of ${records} ${resource}, ${format}`;
      return [{ subject, baseline: `COPY by ${bench.copy.name}`, unit: 's', rounds }];
    },
  };
}

/** @param work returns the seconds it took. */
async function measure({ server }: Bench, records: number, work: () => Promise<number>): Promise<Sample> {
  const cpuBefore = await server.cpuSeconds();
  const seconds = await work();
  return {
    value: seconds,
    details: {
      rows_per_s: records / seconds,
      ...perMillion('postgres_cpu_s_per_million', cpuBefore, await server.cpuSeconds(), records),
    },
  };
}
