// Clients with files, one after the other without an end: uploads whose imports are followed to their end, exports as
// streams and as jobs. The tables stay as large as they are: who imported rows deletes them before they come again.
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { arrayLiteral } from '../../db/array-literal.ts';
import type { Sql } from '../../db/client.ts';
import { streamOf, uuidAt } from '../../testdata/random.ts';
import { writeRecords } from '../../testdata/write-records.ts';
import { askPatiently, awaitCompletion, download, upload } from '../http-client.ts';

export interface FileWorkOptions {
  url: string;
  sql: Sql;
  /** For the files that are uploaded. */
  folder: string;
  /** Of each uploaded file; a quarter of them is invalid. */
  records: number;
  /** Ends the work: each client finishes what it is at. */
  over: AbortSignal;
}

export interface FileWork {
  /** Latest jobs, for others to ask after. */
  recentJobs: string[];
  done: { imports: number; importedRecords: number; streams: number; exportJobs: number };
  /** Settles once it is over and all is finished. @throws the first client's failure. */
  finished: Promise<unknown>;
}

const uploaders = 2;
const invalid = 0.25;
const pauseMs = 200;
const pollMs = 20;
const keptJobs = 50;

/** Rows that are there from the beginning: more than the buffers between the service and a client that does not read. */
const tableRecords = 100_000;
/** What one export takes of them. */
const exportedRecords = 20_000;

export const fileOf = (folder: string, seed: number) => join(folder, `users-${seed}.csv`);

export async function startFileWork(options: FileWorkOptions): Promise<FileWork> {
  const { url, sql, folder, records, over } = options;
  const recentJobs: string[] = [];
  const done = { imports: 0, importedRecords: 0, streams: 0, exportJobs: 0 };

  async function importFile(seed: number, count: number, rejected: number): Promise<void> {
    const jobId = await upload(url, { path: fileOf(folder, seed), resource: 'users' });
    recentJobs.unshift(jobId);
    recentJobs.length = Math.min(recentJobs.length, keptJobs);
    const { processed, failed } = await awaitCompletion(url, jobId);
    // More when an e-mail address is in another client's file too.
    if (processed !== count || failed < rejected)
      throw new Error(`import ${jobId}: ${failed} of ${processed} rejected, not ${rejected} of ${count}`);
    done.imports++;
    done.importedRecords += processed;
  }

  async function keepUploading(seed: number): Promise<void> {
    const { invalid: rejected } = await write(folder, seed, records, invalid);
    const ids = Array.from({ length: records }, (_, n) => uuidAt(streamOf(seed, 'users'), n));
    while (!over.aborted) {
      await importFile(seed, records, rejected);
      await sql`DELETE FROM users WHERE id = ANY (${arrayLiteral(ids)}::uuid[])`;
      await wait(pauseMs);
    }
  }

  async function keepStreaming(): Promise<void> {
    while (!over.aborted) {
      const exported = await download(`${url}/v1/exports?resource=users&limit=${exportedRecords}`, {
        countLines: true,
      });
      if (exported.lines !== exportedRecords)
        throw new Error(`${exported.lines} records were streamed, not ${exportedRecords}`);
      done.streams++;
      await wait(pauseMs);
    }
  }

  async function keepExporting(): Promise<void> {
    while (!over.aborted) {
      await exportFile(url);
      done.exportJobs++;
      await wait(pauseMs);
    }
  }

  await write(folder, 0, tableRecords, 0);
  await importFile(0, tableRecords, 0);
  const uploading = Array.from({ length: uploaders }, async (_, n) => await keepUploading(n + 1));
  return { recentJobs, done, finished: Promise.all([...uploading, keepStreaming(), keepExporting()]) };
}

async function write(folder: string, seed: number, records: number, invalid: number) {
  return await writeRecords({ resource: 'users', records, seed, invalid, path: fileOf(folder, seed) });
}

/** Posts a job, follows it, downloads its file. */
async function exportFile(url: string): Promise<void> {
  const body = JSON.stringify({ resource: 'users', format: 'csv', limit: exportedRecords });
  const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body };
  const accepted = await askPatiently(async () => await fetch(`${url}/v1/exports`, init));
  if (accepted.status !== 202) throw new Error(`the export was answered ${accepted.status} ${await accepted.text()}`);
  const { job_id: jobId } = (await accepted.json()) as { job_id: string };
  for (;;) {
    const response = await askPatiently(async () => await fetch(`${url}/v1/exports/${jobId}`));
    const job = (await response.json()) as { status: string; download_url: string };
    if (job.status === 'completed') return void (await download(`${url}${job.download_url}`));
    if (job.status !== 'pending' && job.status !== 'processing') throw new Error(`export ${jobId} is ${job.status}`);
    await wait(pollMs);
  }
}
