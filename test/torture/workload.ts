// What goes on in a round while things break: imports of files that belong together, one that is cancelled, uploads that
// are given up half-way, export jobs, streamed exports, and somebody who watches the jobs.
import { connect } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import type { Random } from '../../testdata/random.ts';
import type { ImportStatus } from '../client.ts';
import type { Client } from './client.ts';
import type { FileSet, TortureFile } from './files.ts';

export interface Work {
  /** In all files that are imported. */
  records: number;
  /** Import jobs, by file. */
  imports: Map<TortureFile, string>;
  /** Whether the service said that it cancelled the job. */
  cancelled: boolean;
  exports: string[];
  /** Ids in streamed exports that ended as complete ones do. */
  streamed: { resource: string; ids: string[] }[];
  brokenStreams: number;
}

export interface Workload {
  work: Work;
  /** Settles when everything has been accepted. */
  accepted: Promise<unknown>;
  /** Ends what goes on for as long as the round does. */
  stop(): Promise<void>;
}

/** @param signal gives up: the round has failed. */
export function startWork(
  client: Client,
  files: FileSet,
  random: Random,
  round: string,
  signal: AbortSignal,
): Workload {
  const records = Object.values(files).reduce((sum: number, file: TortureFile) => sum + file.records, 0);
  const work: Work = { records, imports: new Map(), cancelled: false, exports: [], streamed: [], brokenStreams: 0 };
  const over = new AbortController();
  const ending = AbortSignal.any([over.signal, signal]);

  async function send(file: TortureFile): Promise<string> {
    const overMs = random.chance(0.5) ? random.below(1_200) : 0;
    const request = () => (overMs > 0 ? inPieces(formOf(file), overMs) : { body: formOf(file) });
    const jobId = await client.makeJob('/v1/imports', `${round} ${file.name}`, request, signal);
    work.imports.set(file, jobId);
    return jobId;
  }

  async function sendFamily(): Promise<void> {
    for (const file of [files.users, files.articles, files.comments]) await send(file);
  }

  async function sendAndCancel(): Promise<void> {
    const jobId = await send(files.cancelled);
    await hasProcessed(jobId, random.below(files.cancelled.records));
    while (!signal.aborted) {
      const answer = await client.ask(`/v1/imports/${jobId}/cancel`, { method: 'POST' });
      work.cancelled ||= answer?.status === 202;
      // 409: it had ended, or an earlier request cancelled it whose answer was lost.
      if (answer?.status === 202 || answer?.status === 409) return;
      await pause(20);
    }
  }

  /** Waits for it, but not for ever: it may be for a cancel to come first. */
  async function hasProcessed(jobId: string, records: number): Promise<void> {
    const giveUpAt = performance.now() + 3_000;
    while (!signal.aborted && performance.now() < giveUpAt) {
      const answer = await client.ask(`/v1/imports/${jobId}`);
      if (answer?.status === 200 && JSON.parse(answer.text).processed >= records) return;
      await pause(20);
    }
  }

  async function exportAsJob(n: number): Promise<void> {
    await pause(random.below(900));
    const body = JSON.stringify({
      resource: random.pick(['users', 'articles', 'comments']),
      format: 'ndjson',
      ...(random.chance(0.3) ? { compression: 'gzip' } : {}),
    });
    const init = { headers: { 'content-type': 'application/json' }, body };
    work.exports.push(await client.makeJob('/v1/exports', `${round} export ${n}`, () => init, signal));
  }

  async function stream(): Promise<void> {
    while (!ending.aborted) {
      const resource = random.pick(['users', 'articles', 'comments']);
      const answer = await client.ask(`/v1/exports?resource=${resource}&fields=id`);
      if (answer === null) work.brokenStreams++;
      else if (answer.status === 200) work.streamed.push({ resource, ids: idsIn(answer.text) });
      await pause(150 + random.below(150));
    }
  }

  async function giveUpUploads(): Promise<void> {
    while (!ending.aborted) {
      await pause(random.below(600));
      const address = client.address();
      if (address !== undefined) await breakOff(address, files.users, random);
    }
  }

  async function watch(): Promise<void> {
    const last = new Map<string, ImportStatus>();
    while (!ending.aborted) {
      for (const jobId of work.imports.values()) {
        const answer = await client.ask(`/v1/imports/${jobId}`);
        if (answer === null || answer.status === 503) continue;
        if (answer.status !== 200) client.report(`the import ${jobId} was answered ${answer.status} ${answer.text}`);
        else compare(client, last, JSON.parse(answer.text));
      }
      await pause(50);
    }
  }

  const accepted = Promise.all([sendFamily(), sendAndCancel(), exportAsJob(1), exportAsJob(2)]);
  const goingOn = Promise.all([stream(), giveUpUploads(), watch()]);
  // Heard of when they are awaited, which may be long after they failed.
  for (const work of [accepted, goingOn]) work.catch(() => {});
  return {
    work,
    accepted,
    async stop() {
      over.abort();
      await goingOn;
    },
  };
}

/** Counters never go backwards, nor does the status; and they always add up. */
function compare(client: Client, last: Map<string, ImportStatus>, now: ImportStatus): void {
  const before = last.get(now.job_id);
  last.set(now.job_id, now);
  if (now.processed !== now.successful + now.failed)
    client.report(`${now.job_id}: ${now.processed} ≠ ${now.successful} + ${now.failed}`);
  if (!before) return;
  for (const counter of ['successful', 'failed', 'error_count', 'bytes_processed'] as const) {
    if (now[counter] < before[counter])
      client.report(`${now.job_id}: ${counter} fell from ${before[counter]} to ${now[counter]}`);
  }
  const order = ['pending', 'processing', 'completed', 'cancelled', 'failed'];
  if (order.indexOf(now.status) < order.indexOf(before.status))
    client.report(`${now.job_id}: ${before.status}, then ${now.status}`);
}

export function idsIn(ndjson: string): string[] {
  return ndjson.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line).id as string]));
}

function formOf({ resource, name, text }: TortureFile): FormData {
  const form = new FormData();
  form.set('resource', resource);
  form.set('file', new Blob([text]), name);
  return form;
}

const pieces = 10;

/** The same request, sent bit by bit: a fault may find the upload in its middle. */
function inPieces(form: FormData, overMs: number): RequestInit {
  const whole = new Response(form);
  async function* send() {
    const bytes = new Uint8Array(await whole.arrayBuffer());
    const size = Math.ceil(bytes.length / pieces);
    for (let at = 0; at < bytes.length; at += size) {
      yield bytes.subarray(at, at + size);
      await pause(overMs / pieces);
    }
  }
  const headers = { 'content-type': whole.headers.get('content-type') ?? '' };
  return { body: ReadableStream.from(send()), duplex: 'half', headers };
}

/** Sends the beginning of an upload, then hangs up. */
async function breakOff(address: string, { text }: TortureFile, random: Random): Promise<void> {
  const { hostname, port } = new URL(address);
  const beginning = [
    'POST /v1/imports?resource=users HTTP/1.1',
    `host: ${hostname}:${port}`,
    'content-type: multipart/form-data; boundary=b',
    `content-length: ${text.length + 1000}`,
    '',
    '--b',
    'content-disposition: form-data; name="file"; filename="given-up.csv"',
    '',
    text.slice(0, random.below(text.length)),
  ].join('\r\n');
  await new Promise<void>((resolve) => {
    // What the service makes of it is no concern of a client that is gone.
    const socket = connect(Number(port), hostname)
      .on('error', () => {})
      .on('close', () => resolve());
    socket.write(beginning, () => setTimeout(() => socket.destroy(), random.below(100)));
  });
}
