// A load from its beginning to its end: a steady mixture of everything, then more than the service takes, then the steady
// requests alone. One sample a second throughout.
import { readFile } from 'node:fs/promises';
import { setTimeout as wait } from 'node:timers/promises';
import type { Sql } from '../../db/client.ts';
import { descriptorsOf, residentMegabytesOf } from '../proc.ts';
import type { RunningService } from '../service-process.ts';
import { type FileWork, fileOf, startFileWork } from './file-work.ts';
import { type RequestLoad, type Second, startRequests } from './requests.ts';
import { type Saturation, saturate, settle } from './saturate.ts';

export interface Sample extends Second {
  /** Of the service's process. */
  rss_mb: number | null;
  descriptors: number | null;
  /** Of the service, in the database. */
  sessions: number;
}

export interface LoadSettings {
  seconds: number;
  /** Short requests a second. */
  rate: number;
  /** Of each uploaded file. */
  records: number;
}

export interface LoadOutcome {
  done: FileWork['done'];
  samples: { steady: Sample[]; flooded: Sample[]; recovered: Sample[] };
  saturation: Saturation;
  /** Jobs that have not ended a minute later. */
  left: string[];
}

export interface LoadOptions {
  service: RunningService;
  sql: Sql;
  /** For files. */
  folder: string;
  settings: LoadSettings;
  signal: AbortSignal;
  onSample(count: number, sample: Sample): void;
}

const flood = { imports: 60, exports: 12, holdMs: 7_000 };
const floodSeconds = 8;
const recoverySeconds = 10;
const settleMs = 60_000;
/** Whatever goes wrong: steady load, flood, recovery and the waiting in between end within this time after the first. */
export const marginSeconds = 120;

/** @throws the signal's reason; the failure of a client under steady load. */
export async function runPhases({
  service,
  sql,
  folder,
  settings,
  signal,
  onSample,
}: LoadOptions): Promise<LoadOutcome> {
  const { url } = service;
  const over = new AbortController();
  const files = await startFileWork({ url, sql, folder, records: settings.records, over: over.signal });
  // Who waits for it is told below; until then it must not count as unheard.
  files.finished.catch(() => {});
  const requests = startRequests({
    url,
    perSecond: settings.rate,
    atMostSeconds: settings.seconds + marginSeconds,
    pickPath: () => pickPath(files.recentJobs),
  });
  let count = 0;
  const watch = async (seconds: number) => {
    const samples: Sample[] = [];
    while (samples.length < seconds) {
      await wait(1000, undefined, { signal });
      samples.push(await look(service, sql, requests));
      onSample(++count, samples.at(-1)!);
    }
    return samples;
  };
  try {
    const failed = files.finished.then(() => [] as Sample[]);
    const steady = await Promise.race([watch(settings.seconds), failed]);
    over.abort();
    await files.finished;
    const done = { ...files.done };

    const content = new Blob([await readFile(fileOf(folder, 1))]);
    const [saturation, flooded] = await Promise.all([saturate({ url, content, ...flood }), watch(floodSeconds)]);
    const left = await settle(url, settleMs);
    requests.takeSecond();
    const recovered = await watch(recoverySeconds);
    return { done, saturation, left, samples: { steady, flooded, recovered } };
  } finally {
    over.abort();
    await requests.stop();
  }
}

function pickPath(recentJobs: readonly string[]): string {
  const job = `/v1/imports/${recentJobs[Math.floor(Math.random() * recentJobs.length)]}`;
  const paths = [job, job, `${job}/errors?limit=100`, '/health', '/v1/imports?limit=20', '/v1/exports?limit=20'];
  return paths[Math.floor(Math.random() * paths.length)]!;
}

async function look({ pid }: RunningService, sql: Sql, requests: RequestLoad): Promise<Sample> {
  const [row] = await sql<{ sessions: number }[]>`
    SELECT count(*) AS sessions FROM pg_stat_activity WHERE application_name LIKE 'bulk%' AND datname = current_database()`;
  return {
    ...requests.takeSecond(),
    rss_mb: await residentMegabytesOf(pid),
    descriptors: await descriptorsOf(pid),
    sessions: row?.sessions ?? 0,
  };
}
