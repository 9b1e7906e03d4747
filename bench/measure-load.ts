// How long it takes to fill a table: by the service, from the first byte of the upload until the client sees
// `completed`; and by one COPY. Both check that the rows are there.
import { resourceNamed } from '../src/resources/index.ts';
import type { Bench, Benchmark, Sample } from './benchmark.ts';
import { inTurn } from './benchmark.ts';
import { copyStatement } from './copy-client.ts';
import type { DataFile } from './data-files.ts';
import type { Contents } from './databases.ts';
import { awaitCompletion, upload } from './http-client.ts';
import type { RunningService } from './service-process.ts';

export interface LoadOptions {
  contents?: Contents;
  /** How the service must have checked references, so that figures carry the right name. */
  referenceCheck?: 'set' | 'triggers';
}

/** A benchmark of an import against a COPY of the same rows into the same table. */
export function importAgainstCopy(
  about: Omit<Benchmark, 'run'> & Pick<DataFile, 'resource' | 'format'> & LoadOptions,
): Benchmark {
  const { resource, format, contents, referenceCheck, ...benchmark } = about;
  return {
    ...benchmark,
    async run(bench) {
      const file = await bench.files.records(resource, format);
      const rows = await bench.files.copyText(resource);
      const rounds = await inTurn(bench, {
        subject: async () => await measureImport(bench, file, { contents, referenceCheck }),
        baseline: async () => await measureCopy(bench, file, rows, contents),
      });
      const subject = `import of ${file.records} ${resource}, ${format}`;
      return [{ subject, baseline: `COPY by ${bench.copy.name}`, unit: 's', rounds }];
    },
  };
}

/** Imports the file by a service of its own into a database of its own. */
export async function measureImport(bench: Bench, file: DataFile, options: LoadOptions = {}): Promise<Sample> {
  return await bench.databases.use(options.contents ?? {}, async (database) => {
    const sample = await bench.services.use(database, async (service) => {
      const sample = await timeImport(bench, service, file);
      checkReferenceCheck(service, options.referenceCheck);
      return sample;
    });
    expectCount('rows', await bench.databases.countRows(database, file.resource), file.valid);
    return sample;
  });
}

/**
 * Imports the file into a service that runs. `finish_s` is what passes between the job's end and the client's seeing it.
 * @param valid how many records must be loaded; default: the file's valid ones.
 */
export async function timeImport(
  { server }: Bench,
  service: RunningService,
  file: DataFile,
  valid = file.valid,
): Promise<Sample> {
  const cpuBefore = [await service.cpuSeconds(), await server.cpuSeconds()] as const;
  const startMs = performance.now();
  const jobId = await upload(service.url, file);
  const uploaded = (performance.now() - startMs) / 1000;
  const job = await awaitCompletion(service.url, jobId);
  const seconds = (performance.now() - startMs) / 1000;
  const cpuAfter = [await service.cpuSeconds(), await server.cpuSeconds()] as const;
  expectCount('loaded records', job.successful, valid);
  expectCount('rejected records', job.failed, file.records - valid);
  const at = (time: string | null) => Date.parse(time!) / 1000;
  const waited = at(job.started_at) - at(job.created_at);
  const loaded = at(job.completed_at) - at(job.started_at);
  return {
    value: seconds,
    details: {
      rows_per_s: file.records / seconds,
      upload_s: uploaded,
      wait_s: waited,
      load_s: loaded,
      // The job was created shortly before the upload was answered, so that the parts may exceed the whole.
      finish_s: Math.max(0, seconds - uploaded - waited - loaded),
      ...(await service.stageSeconds()),
      ...perMillion('node_cpu_s_per_million', cpuBefore[0], cpuAfter[0], file.records),
      ...perMillion('postgres_cpu_s_per_million', cpuBefore[1], cpuAfter[1], file.records),
      ...defined('peak_mb', await service.peakMegabytes()),
    },
  };
}

async function measureCopy(bench: Bench, file: DataFile, rows: string, contents: Contents = {}): Promise<Sample> {
  return await bench.databases.use(contents, async (database) => {
    const cpuBefore = await bench.server.cpuSeconds();
    const seconds = await bench.copy.load(database, copyStatement(resourceNamed(file.resource)), rows);
    const cpuAfter = await bench.server.cpuSeconds();
    expectCount('rows', await bench.databases.countRows(database, file.resource), file.valid);
    return {
      value: seconds,
      details: {
        rows_per_s: file.records / seconds,
        ...perMillion('postgres_cpu_s_per_million', cpuBefore, cpuAfter, file.records),
      },
    };
  });
}

function checkReferenceCheck(service: RunningService, expected: LoadOptions['referenceCheck']): void {
  const [started] = service.logged('Import started');
  if (expected === undefined || started?.reference_check === expected) return;
  throw new Error(
    `references were checked by '${started?.reference_check}', not '${expected}': ${started?.because ?? 'no reason logged'}`,
  );
}

/** @throws Error when the counts differ: a figure for the wrong work is worth nothing. */
export function expectCount(what: string, found: number, expected: number): void {
  if (found !== expected) throw new Error(`${found} ${what}, not ${expected}`);
}

/** CPU seconds per million of records; nothing where they cannot be told. */
export function perMillion(
  name: string,
  before: number | null,
  after: number | null,
  records: number,
): Record<string, number> {
  return before === null || after === null ? {} : { [name]: ((after - before) / records) * 1e6 };
}

function defined(name: string, value: number | null): Record<string, number> {
  return value === null ? {} : { [name]: value };
}
