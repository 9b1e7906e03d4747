// What clients do, and what is done to the service meanwhile. Every request can be left at any moment; each must be over in time.
import assert from 'node:assert/strict';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import type { FastifyInstance } from 'fastify';
import type { Sql } from '../../db/client.ts';
import { id, user } from '../numbered.ts';

export interface Soaked {
  app: FastifyInstance;
  url: URL;
  /** Not one of the service's. */
  sql: Sql;
  /** Of jobs so far. */
  imports: string[];
  exports: string[];
  /** How often each step was taken to its end, and how often it was left. */
  taken: Map<string, number>;
}

export interface Step {
  name: StepName;
  /** Picks among files, jobs, sessions. */
  which: number;
  /** When the client leaves; null: it stays. */
  leaves: { after: 'request' | 'answer'; ms: number } | null;
}

export const stays = { leaves: null };

/** A request that takes longer hangs. */
const hangsAfterMs = 60_000;

export interface Request {
  method?: string;
  body?: FormData | string;
  headers?: Record<string, string>;
}

/** @returns the answer, read to its end; undefined when the client left before. @throws when it is a fault of the service's. */
export async function ask(
  { url, taken }: Soaked,
  path: string,
  { leaves }: Pick<Step, 'leaves'>,
  request: Request = {},
): Promise<{ status: number; body: string } | undefined> {
  const hangs = AbortSignal.timeout(hangsAfterMs);
  const gone = new AbortController();
  const leaveAfter = (moment: string) => leaves?.after === moment && setTimeout(() => gone.abort(), leaves.ms);
  const name = `${request.method ?? 'GET'} ${path.replaceAll(/[0-9a-f-]{36}/g, ':id').replace(/\?.*/, '')}`;
  const took = (end: string | number) => taken.set(`${name} ${end}`, (taken.get(`${name} ${end}`) ?? 0) + 1);
  try {
    leaveAfter('request');
    const response = await fetch(new URL(path, url), { ...request, signal: AbortSignal.any([gone.signal, hangs]) });
    leaveAfter('answer');
    const body = await response.text();
    took(response.status);
    // Sessions are ended under it: then it is to say so.
    assert.ok(response.status < 500 || response.status === 503, `${name}: ${response.status} ${body}`);
    return { status: response.status, body };
  } catch (error) {
    if (hangs.aborted) throw new Error(`${name} hangs`, { cause: error });
    if (error instanceof assert.AssertionError) throw error;
    // A broken connection: the only way to tell of what breaks off in its middle.
    took(gone.signal.aborted ? 'left' : 'broken off');
    return undefined;
  }
}

const records = (count: number, first: number) => Array.from({ length: count }, (_, n) => user(first + n));
const bad = JSON.stringify({ id: id(0) });
const csv = (rows: string[]) => ['id,email,name,role,created_at', ...rows, ''].join('\n');
const row = (n: number, name: string) => `${id(n)},u${n}@example.com,${name},viewer,2024-01-01T00:00:00Z`;

/** Most of them fail their job in its middle. */
const files: ((which: number) => [name: string, content: string | Buffer])[] = [
  (n) => ['good.ndjson', records(200, n).join('\n')],
  () => ['errors.ndjson', Array.from({ length: 200 }, () => bad).join('\n')],
  (n) => [
    'some-errors.ndjson',
    records(90, n)
      .flatMap((good, at) => (at % 6 ? [good] : [good, bad]))
      .join('\n'),
  ],
  () => ['too-large.ndjson.gz', gzipSync(records(3000, 0).join('\n'))],
  (n) => ['cut.json', `[${records(150, n).join(',')},{"id":`],
  (n) => ['cut.ndjson.gz', gzipSync(records(1000, n).join('\n')).subarray(0, -1000)],
  () => ['other-columns.csv', 'a,b,c\n1,2,3\n'],
  (n) => ['good.csv', csv(Array.from({ length: 120 }, (_, at) => row(n + at, 'U')))],
  (n) => ['open-quote.csv', csv(Array.from({ length: 120 }, (_, at) => row(n + at, at === 60 ? '"U' : 'U')))],
  () => ['empty.csv', ''],
];

const fileOf = (which: number) => files[which % files.length]!(which % 5000);
const oneOf = <T>(list: readonly T[], which: number) => list[which % list.length];
const asJson = { 'content-type': 'application/json' };

async function post(soaked: Soaked, step: Step): Promise<string | undefined> {
  const [name, content] = fileOf(step.which);
  const form = new FormData();
  form.set('resource', 'users');
  form.set('file', new Blob([content as Uint8Array<ArrayBuffer>]), name);
  const answer = await ask(soaked, '/v1/imports', step, { method: 'POST', body: form });
  if (answer?.status !== 202) return undefined;
  const { job_id } = JSON.parse(answer.body);
  soaked.imports.push(job_id);
  return job_id;
}

async function postExport(soaked: Soaked, step: Step): Promise<string | undefined> {
  const body = JSON.stringify({ resource: 'users', format: oneOf(['csv', 'json'], step.which) });
  const answer = await ask(soaked, '/v1/exports', step, { method: 'POST', body, headers: asJson });
  if (answer?.status !== 202) return undefined;
  const { job_id } = JSON.parse(answer.body);
  soaked.exports.push(job_id);
  return job_id;
}

/** Of one of the last jobs. */
async function askAbout(soaked: Soaked, type: 'imports' | 'exports', what: string, step: Step): Promise<void> {
  const job = oneOf(soaked[type].slice(-20), step.which);
  if (job) await ask(soaked, `/v1/${type}/${job}/${what}`, step);
}

const steps = {
  import: post,
  'import, then cancel': async (soaked: Soaked, step: Step) => {
    const job = await post(soaked, { ...step, ...stays });
    if (job) await ask(soaked, `/v1/imports/${job}/cancel`, stays, { method: 'POST' });
  },
  preview: async (soaked: Soaked, step: Step) => {
    const [name, content] = fileOf(step.which);
    const query = `resource=users&file_name=${name}`;
    const headers = { 'content-type': 'application/octet-stream' };
    await ask(soaked, `/v1/imports/preview?${query}`, step, { method: 'POST', body: content as string, headers });
  },
  'streamed export': async (soaked: Soaked, step: Step) => {
    const headers = { 'accept-encoding': oneOf(['gzip', 'identity'], step.which)! };
    await ask(soaked, `/v1/exports?resource=users${oneOf(['', '&sort=-email'], step.which >> 1)}`, step, { headers });
  },
  'export job': postExport,
  'export job, then cancel': async (soaked: Soaked, step: Step) => {
    const job = await postExport(soaked, { ...step, ...stays });
    if (job) await ask(soaked, `/v1/exports/${job}/cancel`, stays, { method: 'POST' });
  },
  download: async (soaked: Soaked, step: Step) => await askAbout(soaked, 'exports', 'download', step),
  events: async (soaked: Soaked, step: Step) => await askAbout(soaked, 'imports', 'events', step),
  errors: async (soaked: Soaked, step: Step) => await askAbout(soaked, 'imports', 'errors?format=csv', step),
  groups: async (soaked: Soaked, step: Step) => await askAbout(soaked, 'imports', 'errors/groups', step),
  rejects: async (soaked: Soaked, step: Step) => await askAbout(soaked, 'imports', 'rejects?with=errors', step),
  figures: async (soaked: Soaked, step: Step) => {
    const paths = [
      '/v1/overview',
      '/metrics',
      '/health',
      '/v1/exports/estimate?resource=users',
      '/v1/imports',
    ] as const;
    await ask(soaked, oneOf(paths, step.which)!, step);
  },
  'a session is ended': async ({ sql }: Soaked, { which }: Step) => {
    const sessions = await sql<{ pid: number }[]>`
      SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name <> 'test' ORDER BY pid`;
    const session = oneOf(sessions, which);
    if (session) await sql`SELECT pg_terminate_backend(${session.pid})`;
  },
  'a thread is ended': async ({ app }: Soaked) => void (await app.parsePool.piscina.threads[0]?.terminate()),
  'a stored file is gone': async ({ app }: Soaked, { which }: Step) => {
    const stored = (await readdir(app.config.uploadDir)).filter((name) => !name.endsWith('.part'));
    const name = oneOf(stored, which);
    if (name) await rm(join(app.config.uploadDir, name), { force: true });
  },
} satisfies Record<string, (soaked: Soaked, step: Step) => Promise<unknown>>;

export type StepName = keyof typeof steps;

/** Rarely: each takes with it what several clients were about. */
const disturbances = ['a session is ended', 'a thread is ended', 'a stored file is gone'] satisfies StepName[];
const requests = (Object.keys(steps) as StepName[]).filter((name) => !disturbances.some((rare) => rare === name));

export const anyStep: fc.Arbitrary<Step> = fc.record({
  name: fc.oneof(
    { weight: 15, arbitrary: fc.constantFrom(...requests) },
    { weight: 1, arbitrary: fc.constantFrom(...disturbances) },
  ),
  which: fc.nat(),
  leaves: fc.option(fc.record({ after: fc.constantFrom('request', 'answer'), ms: fc.nat(40) }), { freq: 2 }),
});

export async function take(soaked: Soaked, step: Step): Promise<void> {
  await steps[step.name](soaked, step);
}
