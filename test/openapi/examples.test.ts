// The examples of the OpenAPI document: each is sent in its order to an empty service, and answered as it says, but for
// ids, times and figures of speed. `npm test -- test/openapi/examples.test.ts --snapshot` records the answers anew.
import { readFileSync, writeFileSync } from 'node:fs';
import type { FastifyInstance, LightMyRequestResponse } from 'fastify';
import t from 'tap';
import { type Example, fillPlaces, recordedExamples } from '../../src/openapi/examples.ts';
import type { OpenApiDocument } from '../../src/openapi/operation.ts';
import { responseHeaders } from '../../src/openapi/response-headers.ts';
import { shareApps } from '../build.ts';
import { ended, post } from '../client.ts';
import { holdJobs } from '../hold-jobs.ts';

const file = new URL('../../src/openapi/examples.json', import.meta.url);
const kept = ['content-type', ...Object.keys(responseHeaders).map((name) => name.toLowerCase())].filter(
  (name) => !['x-request-id', 'cache-control', 'vary', 'ratelimit', 'ratelimit-policy'].includes(name),
);

/** Figures that are of the moment, whatever they are now. */
const passing = [
  ...['duration_ms', 'rows_per_sec', 'started_at', 'request_id'],
  'throughput',
  ...['latency_ms', 'free_bytes', 'threads', 'waiting_chunks', 'running_jobs'],
];

async function send(app: FastifyInstance, { path, method, headers, json, text, form, file }: Example['request']) {
  if (form && file) {
    const { resource, ...fields } = form;
    const query = path.replace(/^[^?]*/, '');
    return await post(app, {
      resource: resource as string,
      name: file.name,
      content: file.content,
      fields,
      headers: headers ?? {},
      query,
    });
  }
  return await app.inject({
    method,
    url: path,
    headers: headers ?? {},
    ...(json || text ? { payload: (json as object) ?? text } : {}),
  });
}

function answerOf({ statusCode, headers, body }: LightMyRequestResponse): Example['response'] {
  const said = kept.flatMap((name) => (headers[name] === undefined ? [] : [[name, String(headers[name])]]));
  const isJson = /^application\/(problem\+)?json/.test(String(headers['content-type']));
  return {
    status: statusCode,
    headers: Object.fromEntries(said),
    ...(body === '' ? {} : { body: isJson ? JSON.parse(body) : body }),
  };
}

/** Ids by the order in which they turn up, over all that is compared; times and passing figures by their kind. */
function masks() {
  const ids = new Map<string, string>();
  return (value: unknown) =>
    JSON.stringify(value, (name, value) => (passing.includes(name) ? 'passing' : value))
      // A cursor begins with the time of its job.
      .replaceAll(/\b\d{13}_(?=[0-9a-f]{8}-)/g, '')
      .replaceAll(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, (id) => {
        if (!ids.has(id)) ids.set(id, `id ${ids.size + 1}`);
        return ids.get(id)!;
      })
      // In events JSON is text.
      .replaceAll(/\\"(duration_ms|rows_per_sec|started_at)\\":[^,}]+/g, '$1')
      .replaceAll(/\bid: \d+/g, 'id')
      .replaceAll(/\d{4}-\d\d-\d\dT[\d:]+\.\d+(Z|\+00:00)/g, 'time');
}

const fresh = await shareApps(t);

t.test('every example is answered as the document says', async (t) => {
  const app = await fresh();
  const maskRecorded = masks();
  const maskSent = masks();
  const made = new Map<string, unknown>();
  const recording: Example[] = [];
  let letGo: (() => Promise<void>) | null = null;
  for (const example of recordedExamples) {
    const { operationId, name, request, jobsHeld } = example;
    if (jobsHeld) letGo ??= await holdJobs(t, app);
    else {
      await letGo?.();
      letGo = null;
    }
    const response = answerOf(await send(app, { ...request, path: fillPlaces(request.path, made) }));
    const { body } = response;
    made.set(`${operationId}.${name}`, body);
    recording.push({ ...example, response });
    if (response.status === 202 && !jobsHeld) {
      await ended(app, (body as { job_id: string }).job_id, operationId === 'createImport' ? 'imports' : 'exports');
    }
    if (!t.writeSnapshot)
      t.same(JSON.parse(maskSent(response)), JSON.parse(maskRecorded(example.response)), `${operationId} ${name}`);
  }
  if (t.writeSnapshot) writeFileSync(file, `${JSON.stringify(recording, null, 2)}\n`);
  else t.ok(readFileSync(file, 'utf8').length > 0);
});

t.test('a job whose clock is ahead of that of this machine has taken no time yet', async (t) => {
  const app = await fresh();
  const letGo = await holdJobs(t, app);
  for (const type of ['imports', 'exports'] as const) {
    const { job_id: id } = (
      type === 'imports'
        ? await post(app, { resource: 'users', name: 'users.csv', content: 'id\n' })
        : await app.inject({ method: 'POST', url: '/v1/exports', payload: { resource: 'users' } })
    ).json();
    await app.sql`UPDATE bulk.jobs SET started_at = now() + '1 minute' WHERE id = ${id}`;
    const job = (await app.inject(`/v1/${type}/${id}`)).json();
    t.equal(job.duration_ms, 0, type);
    const cancelled = await app.inject({ method: 'POST', url: `/v1/${type}/${id}/cancel` });
    t.match(cancelled.json(), { status: 'cancelled', duration_ms: 0 }, type);
  }
  await letGo();
});

t.test('every example is in the document, and every operation has some', async (t) => {
  const app = await fresh();
  const document = (await app.inject('/openapi.json')).json<OpenApiDocument>();
  const operations = Object.values(document.paths ?? {}).flatMap((path) => Object.values(path));
  for (const { operationId = '', responses } of operations) {
    const shown = Object.entries(responses).flatMap(([status, { content = {} }]) =>
      Object.values(content).flatMap(({ examples = {} }) => Object.keys(examples).map((name) => `${status} ${name}`)),
    );
    const recorded = recordedExamples.filter((example) => example.operationId === operationId);
    t.same(shown.sort(), recorded.map(({ name, response }) => `${response.status} ${name}`).sort(), operationId);
    // Itself it does not quote.
    t.equal(recorded.length > 0, operationId !== 'getOpenApi', operationId);
  }
});

t.end();
