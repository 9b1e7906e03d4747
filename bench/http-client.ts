// The service's users: they upload files as streams, poll jobs, download exports.
import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { get, type IncomingMessage, request } from 'node:http';
import { basename } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as wait } from 'node:timers/promises';
import type { Static } from 'typebox';
import type { ImportSchema } from '../src/import/import-view.ts';
import type { DataFile } from './data-files.ts';

export type ImportJob = Static<typeof ImportSchema>;

/** Of the time passed so far: a job's end is seen within 1 %, and a long one is not slowed down by being asked after. */
const pollShare = 0.01;
const leastPollMs = 10;

/** Of the file at once; the client runs on the machine that it measures, so it had better be frugal. */
const uploadedBlockBytes = 1024 * 1024;

/** @returns the job's id. @throws Error when the answer is not 202. */
export async function upload(
  serviceUrl: string,
  { path, resource }: Pick<DataFile, 'path' | 'resource'>,
): Promise<string> {
  const response = await askPatiently(async () => {
    const boundary = `bench-${crypto.randomUUID()}`;
    const part = (head: string) => `--${boundary}\r\nContent-Disposition: form-data; ${head}\r\n\r\n`;
    const before = `${part('name="resource"')}${resource}\r\n${part(`name="file"; filename="${basename(path)}"`)}`;
    const after = `\r\n--${boundary}--\r\n`;
    const { size } = await stat(path);
    const sending = request(`${serviceUrl}/v1/imports`, {
      method: 'POST',
      headers: {
        'Content-Type': `multipart/form-data; boundary=${boundary}`,
        'Content-Length': before.length + size + after.length,
      },
    });
    const answered = once(sending, 'response') as Promise<[IncomingMessage]>;
    sending.write(before);
    await pipeline(createReadStream(path, { highWaterMark: uploadedBlockBytes }), sending, { end: false });
    sending.end(after);
    const [message] = await answered;
    return new Response(Readable.toWeb(message) as ReadableStream<Uint8Array>, {
      status: message.statusCode as number,
      headers: message.headers as Record<string, string>,
    });
  });
  const { job_id: jobId } = (await answer(response, 202)) as { job_id: string };
  return jobId;
}

/** Polls until the job has ended. @throws Error unless it is completed. */
export async function awaitCompletion(serviceUrl: string, jobId: string): Promise<ImportJob> {
  const startMs = performance.now();
  for (;;) {
    const response = await askPatiently(async () => await fetch(`${serviceUrl}/v1/imports/${jobId}`));
    const job = (await answer(response, 200)) as ImportJob;
    if (job.status === 'completed') return job;
    if (job.status === 'failed' || job.status === 'cancelled') {
      throw new Error(`import ${job.status}: ${job.failure?.detail ?? 'no reason given'}`);
    }
    await wait(Math.max(leastPollMs, (performance.now() - startMs) * pollShare));
  }
}

/** Asks again when it is told to: a service that is too busy takes the longer for it. */
export async function askPatiently(ask: () => Promise<Response>): Promise<Response> {
  for (;;) {
    const response = await ask();
    const waitMs = patienceMs(response.status, response.headers.get('retry-after'));
    if (waitMs === null) return response;
    await response.arrayBuffer();
    await wait(waitMs);
  }
}

/** null: the answer is final. */
function patienceMs(status: number | undefined, retryAfter: string | null | undefined): number | null {
  return retryAfter && (status === 429 || status === 503) ? Number(retryAfter) * 1000 : null;
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

/**
 * Reads an export to its end and throws it away. Not by fetch, whose streams cost 0.8 ms a megabyte more, on the cores
 * that the service works on. @throws Error when it is not answered with 200, or breaks off.
 */
export async function download(url: string, { countLines = false } = {}): Promise<Download> {
  const [response] = (await once(get(url), 'response')) as [IncomingMessage];
  const waitMs = patienceMs(response.statusCode, response.headers['retry-after']);
  if (waitMs !== null) {
    response.resume();
    await wait(waitMs);
    return await download(url, { countLines });
  }
  if (response.statusCode !== 200) throw new Error(`${url} answered ${response.statusCode}`);
  const read = { bytes: 0, lines: 0 };
  response.on('data', (block: Buffer) => {
    read.bytes += block.length;
    if (countLines) for (let at = -1; (at = block.indexOf(10, at + 1)) >= 0; ) read.lines++;
  });
  // An answer that breaks off emits an error.
  await once(response, 'end');
  return read;
}
