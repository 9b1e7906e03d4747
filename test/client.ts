// Requests as clients make them, against the app itself.
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import type { FastifyInstance } from 'fastify';
import type { Static } from 'typebox';
import type { ImportSchema } from '../src/import/import-view.ts';

export type ImportStatus = Static<typeof ImportSchema>;

export interface FileToPost {
  resource?: string;
  name: string;
  content: string | Uint8Array;
  /** Further form fields. */
  fields?: Record<string, string>;
  headers?: Record<string, string>;
  /** With its question mark. */
  query?: string;
}

/** Posts the file as a form, `resource` before it. */
export async function post(
  app: FastifyInstance,
  { resource, name, content, fields = {}, headers, query = '' }: FileToPost,
) {
  const form = new FormData();
  if (resource !== undefined) form.set('resource', resource);
  for (const [field, value] of Object.entries(fields)) form.set(field, value);
  form.set('file', new Blob([content as Uint8Array<ArrayBuffer>]), name);
  const encoded = new Response(form);
  return await app.inject({
    method: 'POST',
    url: `/v1/imports${query}`,
    headers: { 'content-type': encoded.headers.get('content-type') as string, ...headers },
    payload: Buffer.from(await encoded.arrayBuffer()),
  });
}

export async function statusOf(app: FastifyInstance, jobId: string): Promise<ImportStatus> {
  return (await app.inject(`/v1/imports/${jobId}`)).json();
}

const longestPauseMs = 40;

/** Follows a job of either kind to its end. Each question is work for the service that does it: the longer, the rarer. */
export async function ended<Status extends { status: string } = ImportStatus>(
  app: FastifyInstance,
  jobId: string,
  type: 'imports' | 'exports' = 'imports',
  headers: Record<string, string> = {},
): Promise<Status> {
  for (let pauseMs = 5; ; pauseMs = Math.min(1.5 * pauseMs, longestPauseMs)) {
    const job = (await app.inject({ url: `/v1/${type}/${jobId}`, headers })).json() as Status;
    if (!['pending', 'processing'].includes(job.status)) return job;
    await pause(pauseMs);
  }
}

/** Posts a file and waits for its import to end. @throws when it is not accepted. */
export async function importFile(app: FastifyInstance, file: FileToPost): Promise<ImportStatus> {
  const accepted = await post(app, file);
  if (accepted.statusCode !== 202) throw new Error(`not accepted: ${accepted.body}`);
  return await ended(app, accepted.json().job_id);
}

/** Where the app listens, over a real socket. */
export async function listen(app: FastifyInstance): Promise<URL> {
  if (!app.server.listening) {
    await app.listen({ port: 0, host: '127.0.0.1' });
    if (!app.server.listening) await once(app.server, 'listening');
  }
  return new URL(`http://127.0.0.1:${(app.server.address() as { port: number }).port}`);
}
