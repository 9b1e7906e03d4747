// What one parse thread does with a file, cut into the chunks that an import would cut, against what the library for
// its format alone takes for the same bytes. Both run in this process, which is warmed up by a round that is not measured.
import { createReadStream } from 'node:fs';
import { loadConfig } from '../src/config.ts';
import { createChunkMemory } from '../src/import/chunk-memory.ts';
import { openRecords } from '../src/import/split-records.ts';
import { resourceNamed } from '../src/resources/index.ts';
import type { Chunk, CsvLayout } from '../workers/messages.ts';
import { parseChunk } from '../workers/parse-chunk.ts';
import { type Benchmark, inTurn, type Sample } from './benchmark.ts';
import type { DataFile } from './data-files.ts';
import { expectCount } from './measure-load.ts';
import { chosenVariables } from './service-process.ts';

type ParseBenchmark = Omit<Benchmark, 'run'> &
  Pick<DataFile, 'resource' | 'format'> & {
    baseline: string;
    /** The library alone. @returns how many records it found. */
    parse(bytes: Uint8Array): number;
  };

export function parseAgainst({ resource, format, baseline, parse, ...benchmark }: ParseBenchmark): Benchmark {
  return {
    ...benchmark,
    async run(bench) {
      const file = await bench.files.records(resource, format);
      const { chunks, csv } = await cut(file);
      const request = { jobId: crypto.randomUUID(), resource, format, csv, now: new Date().toISOString() };
      const definition = resourceNamed(resource);
      const sides = {
        subject: async () =>
          measure(file, chunks, ({ firstRecord, bytes, table }) => {
            return parseChunk({ ...request, firstRecord, bytes, table }, definition).rows;
          }),
        baseline: async () => measure(file, chunks, ({ bytes }) => parse(bytes)),
      };
      await sides.subject();
      await sides.baseline();
      const rounds = await inTurn(bench, sides);
      return [{ subject: `${file.records} ${resource}, ${format}, one thread`, baseline, unit: 's', rounds }];
    },
  };
}

async function cut({ path, resource, format }: DataFile): Promise<{ chunks: Chunk[]; csv: CsvLayout | undefined }> {
  const { chunkRecords, chunkBytes, maxRecordBytes } = loadConfig(chosenVariables(process.env)).import;
  const file = await openRecords(createReadStream(path), {
    resource: resourceNamed(resource),
    format,
    gzip: false,
    maxRecords: chunkRecords,
    maxChunkBytes: chunkBytes,
    maxRecordBytes,
    maxUnpackedBytes: Number.MAX_SAFE_INTEGER,
    memory: createChunkMemory(chunkBytes, 0, 0),
    signal: new AbortController().signal,
  });
  const chunks: Chunk[] = [];
  for await (const chunk of file.chunks) chunks.push(chunk);
  return { chunks, csv: file.csv };
}

function measure(file: DataFile, chunks: readonly Chunk[], work: (chunk: Chunk) => number): Sample {
  // Parsing overwrites the records.
  const copies = chunks.map((chunk) => ({ ...chunk, bytes: chunk.bytes.slice() }));
  const startMs = performance.now();
  const records = copies.reduce((sum, chunk) => sum + work(chunk), 0);
  const seconds = (performance.now() - startMs) / 1000;
  expectCount('records', records, file.records);
  return { value: seconds, details: { rows_per_s: records / seconds } };
}
