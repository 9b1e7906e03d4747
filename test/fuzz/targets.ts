// What is fuzzed: the short run in the suite and the long one by hand are the same but for their time.
import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { FastifyInstance } from 'fastify';
import type { Test } from 'tap';
import { build } from '../build.ts';
import { ended, type ImportStatus, importFile, listen } from '../client.ts';
import { routesOf } from '../routes.ts';
import { checkAnswer, checkJobs, type Known } from './check-answer.ts';
import { checkFile, faultsOfFiles } from './check-file.ts';
import { fuzzedRoutes, hostileRequest } from './hostile-requests.ts';
import { type FuzzedFile, mutatedFile } from './mutated-files.ts';
import { checkRawRequest, rawRequest } from './raw-requests.ts';

export interface Target {
  name: string;
  /** Share of the time. */
  weight: number;
  property: fc.IAsyncProperty<unknown>;
}

export interface Targets {
  targets: Target[];
  /** Of files so far, as they were sent. */
  fileBytes(): number;
  finish(): Promise<void>;
}

/** On a service of their own, which `finish` looks at in the end. */
export async function openTargets(t: Pick<Test, 'after'>): Promise<Targets> {
  const app = await build(t, { MAX_UNFINISHED_JOBS: '1000000', RATE_LIMIT: '0' });
  const url = await listen(app);
  const known = await makeJobs(app);
  const urls = routesOf(app).map((route) => route.replace(/^\w+ /, '').replaceAll(/:\w+|\*/g, ':id'));
  // Those of the page under /docs are its own, but for its files.
  const missing = urls.filter((url) => !fuzzedRoutes.includes(url) && !/^(:id|\/docs\/(?!static\/:id).*)$/.test(url));
  assert.deepEqual(missing, [], 'routes that are not fuzzed');
  let fileBytes = 0;
  const counted = (file: FuzzedFile) => {
    fileBytes += file.bytes.length;
    return file;
  };
  const property = <T>(arbitrary: fc.Arbitrary<T>, check: (value: T) => Promise<void>) =>
    fc.asyncProperty(arbitrary, check) as unknown as fc.IAsyncProperty<unknown>;
  return {
    targets: [
      {
        name: 'files, split and parsed',
        weight: 3,
        property: property(mutatedFile, async (file) => await checkFile(counted(file))),
      },
      {
        name: 'files, imported',
        weight: 2,
        property: property(mutatedFile, async (file) => await checkImport(app, counted(file))),
      },
      {
        name: 'requests',
        weight: 4,
        property: property(hostileRequest, async (request) => await checkAnswer(app, request, known)),
      },
      { name: 'bytes', weight: 1, property: property(rawRequest, async (bytes) => await checkRawRequest(url, bytes)) },
    ],
    fileBytes: () => fileBytes,
    finish: async () => {
      await checkJobs(app);
      assert.equal((await app.inject('/health')).json().status, 'healthy');
    },
  };
}

async function makeJobs(app: FastifyInstance): Promise<Known> {
  const content = 'id,email,name,role,created_at\n1,2,3,4,5\n';
  const { job_id: importId } = await importFile(app, { resource: 'users', name: 'users.csv', content });
  const accepted = await app.inject({ method: 'POST', url: '/v1/exports', payload: { resource: 'users' } });
  const { job_id: exportId } = accepted.json();
  await ended(app, exportId, 'exports');
  return { importId, exportId };
}

async function checkImport(app: FastifyInstance, { resource, format, gzip, bytes }: FuzzedFile): Promise<void> {
  const name = `file.${format}${gzip ? '.gz' : ''}`;
  const job = await importFile(app, { resource, name, content: bytes });
  assert.equal(job.processed, job.successful + job.failed);
  if (job.status === 'completed') assert.equal(job.processed, job.total_records);
  else assert.ok(faultsOfFiles.includes(job.failure?.code ?? ''), JSON.stringify(job));
  await checkRejects(app, job);
  if (bytes.length <= 2 ** 20) await checkPreview(app, { resource, file_name: name }, bytes, job);
}

/** Whatever was rejected is to be had. */
async function checkRejects(app: FastifyInstance, { job_id, status, failed }: ImportStatus): Promise<void> {
  for (const query of ['', '?with=errors']) {
    const { statusCode, body } = await app.inject(`/v1/imports/${job_id}/rejects${query}`);
    assert.ok(statusCode === 200 || (statusCode === 409 && status === 'failed' && failed === 0), body);
  }
}

/** The import finds what the preview finds, and more: keys and references. */
async function checkPreview(
  app: FastifyInstance,
  query: Record<string, string>,
  payload: Buffer,
  job: ImportStatus,
): Promise<void> {
  const headers = { 'content-type': 'application/octet-stream' };
  for (const whole of ['true', 'false']) {
    const url = '/v1/imports/preview';
    const response = await app.inject({ method: 'POST', url, query: { ...query, whole }, headers, payload });
    assert.equal(response.statusCode, 200, response.body);
    const { checked, rejected, failure } = response.json();
    assert.ok(rejected <= checked && checked <= 20_000);
    if (whole === 'true' && job.processed <= 20_000 && job.failure?.code !== 'file_too_large') {
      assert.deepEqual(failure, job.failure);
      assert.ok(failure || (checked === job.processed && rejected <= job.failed));
    }
  }
}
