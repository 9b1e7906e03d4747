// The thread of the benchmarks of parsing: cuts a file into the chunks that an import would cut, and reads them as the
// parse threads do, or with the library for its format alone.
import { createReadStream } from 'node:fs';
import papa from 'papaparse';
import { loadConfig } from '../src/config.ts';
import { createChunkMemory } from '../src/import/chunk-memory.ts';
import { openRecords } from '../src/import/split-records.ts';
import { resourceNamed } from '../src/resources/index.ts';
import type { Chunk, CsvLayout } from '../workers/messages.ts';
import { parseChunk } from '../workers/parse-chunk.ts';
import type { DataFile } from './data-files.ts';
import { chosenVariables } from './service-process.ts';

export interface ParseTask {
  file: Pick<DataFile, 'path' | 'resource' | 'format'>;
  by: 'service' | 'library';
}

export interface ParseTime {
  seconds: number;
  records: number;
}

let cutFile: Promise<{ chunks: Chunk[]; csv: CsvLayout | undefined }> | undefined;

/** A thread is for one file: it is cut by the first task. */
export default async function parseFile({ file, by }: ParseTask): Promise<ParseTime> {
  cutFile ??= cut(file);
  const { chunks, csv } = await cutFile;
  const { resource, format } = file;
  const request = {
    jobId: crypto.randomUUID(),
    resource,
    format,
    csv,
    now: new Date().toISOString(),
    rowOrder: 'key' as const,
  };
  const definition = resourceNamed(resource);
  // Parsing overwrites the records.
  const copies = chunks.map((chunk) => ({ ...chunk, bytes: chunk.bytes.slice() }));
  const startMs = performance.now();
  let records = 0;
  for (const { firstRecord, bytes, table } of copies) {
    if (by === 'library') records += libraries[format](bytes);
    else records += parseChunk({ ...request, firstRecord, bytes, table }, definition).rows;
  }
  return { seconds: (performance.now() - startMs) / 1000, records };
}

const decoder = new TextDecoder();

/** Each gives how many records it found. */
const libraries: Record<DataFile['format'], (bytes: Uint8Array) => number> = {
  csv: (bytes) => papa.parse(decoder.decode(bytes), { delimiter: ',', newline: '\n' }).data.length,
  ndjson: (bytes) => {
    const lines = decoder.decode(bytes).split('\n');
    for (const line of lines) JSON.parse(line);
    return lines.length;
  },
  json: (bytes) => (JSON.parse(decoder.decode(bytes)) as unknown[]).length,
};

async function cut({ path, resource, format }: ParseTask['file']) {
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
