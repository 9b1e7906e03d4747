// The service's users: they upload files as streams, poll jobs, download exports.
import { openAsBlob } from 'node:fs';
import { basename } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { Static } from 'typebox';
import type { ImportSchema } from '../src/import/import-view.ts';
import type { DataFile } from './data-files.ts';

export type ImportJob = Static<typeof ImportSchema>;

/** Often enough to see a job's end within 1 % of a second's work. */
const pollMs = 10;

/** @returns the job's id. @throws Error when the answer is not 202. */
export async function upload(serviceUrl: string, { path, resource }: DataFile): Promise<string> {
  const response = await askPatiently(async () => {
    const form = new FormData();
    form.set('resource', resource);
    form.set('file', await openAsBlob(path), basename(path));
    return await fetch(`${serviceUrl}/v1/imports`, { method: 'POST', body: form });
  });
  const { job_id: jobId } = (await answer(response, 202)) as { job_id: string };
  return jobId;
}

/** Polls until the job has ended. @throws Error unless it is completed. */
export async function awaitCompletion(serviceUrl: string, jobId: string): Promise<ImportJob> {
  for (;;) {
    const response = await askPatiently(async () => await fetch(`${serviceUrl}/v1/imports/${jobId}`));
    const job = (await answer(response, 200)) as ImportJob;
    if (job.status === 'completed') return job;
    if (job.status === 'failed' || job.status === 'cancelled') {
      throw new Error(`import ${job.status}: ${job.failure?.detail ?? 'no reason given'}`);
    }
    await wait(pollMs);
  }
}

/** Asks again when it is told to: a service that is too busy takes the longer for it. */
async function askPatiently(ask: () => Promise<Response>): Promise<Response> {
  for (;;) {
    const response = await ask();
    const retryAfterSeconds = response.headers.get('retry-after');
    if (retryAfterSeconds === null || ![429, 503].includes(response.status)) return response;
    await response.arrayBuffer();
    await wait(Number(retryAfterSeconds) * 1000);
  }
}

async function answer(response: Response, expected: number): Promise<unknown> {
  if (response.status === expected) return await response.json();
  throw new Error(`${response.url} answered ${response.status}: ${await response.text()}`);
}

export interface Download {
  bytes: number;
  /** Line feeds; counted only when asked for, as it takes time. */
  lines: number;
}

/** Reads an export to its end and throws it away. @throws Error when it is not answered with 200, or breaks off. */
export async function download(url: string, { countLines = false } = {}): Promise<Download> {
  const response = await askPatiently(async () => await fetch(url, { headers: { 'accept-encoding': 'identity' } }));
  if (response.status !== 200) throw new Error(`${url} answered ${response.status}: ${await response.text()}`);
  const download = { bytes: 0, lines: 0 };
  for await (const block of response.body!) {
    download.bytes += block.length;
    if (countLines) for (let at = -1; (at = block.indexOf(10, at + 1)) >= 0; ) download.lines++;
  }
  return download;
}
