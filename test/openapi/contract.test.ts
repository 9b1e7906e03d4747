// The check of every response against the OpenAPI document finds what it is for, and sees whatever an app sends.
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { FastifyInstance } from 'fastify';
import t from 'tap';
import { buildApp } from '../../src/app.ts';
import { loadConfig } from '../../src/config.ts';
import { recordedExamples } from '../../src/openapi/examples.ts';
import type { OpenApiDocument } from '../../src/openapi/operation.ts';
import { importFile } from '../client.ts';
import { Contract, type SentResponse } from '../contract.ts';
import { createDatabase } from '../databases.ts';
import { environment } from '../environment.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { takeFaults } from '../watch-responses.ts';

const recorded = (operation: string, name: string) => {
  const example = recordedExamples.find((one) => one.operationId === operation && one.name === name);
  return example?.response.body as Record<string, unknown>;
};
const id = '00000000-0000-4000-8000-000000000000';

/** Whether answers have a header that is not documented. */
let broken = false;
const breakAnswers = (message: unknown) => {
  const { fastify: app } = message as { fastify: FastifyInstance };
  app.addHook('onRequest', async (_request, reply) => void (broken && reply.header('location', '/')));
};
subscribe('fastify.initialization', breakAnswers);
const app = await buildApp(loadConfig(environment(await createDatabase(t), await temporaryFolder(t))));
unsubscribe('fastify.initialization', breakAnswers);
t.after(async () => await app.close());

t.test('what is not as documented is found', async (t) => {
  const contract = new Contract((await app.inject('/openapi.json')).json<OpenApiDocument>());
  const job = recorded('getImport', 'completed');
  const problem = recorded('getImport', 'unknown');
  const answer = (body: unknown, more: Partial<SentResponse> = {}): SentResponse => ({
    ...{ method: 'GET', url: `/v1/imports/${id}`, status: 200, body: JSON.stringify(body), ...more },
    headers: {
      'x-request-id': 'r-1',
      'cache-control': 'no-store',
      'content-type': more.status ? 'application/problem+json; charset=utf-8' : 'application/json; charset=utf-8',
      ...more.headers,
    },
  });
  const events = (data: unknown) => ({
    url: `/v1/imports/${id}/events`,
    headers: { 'content-type': 'text/event-stream' },
    body: `retry: 2000\n\nid: 1\nevent: end\ndata: ${JSON.stringify(data)}\n\n`,
  });
  const { errors, ...progress } = job;
  const cases: [name: string, response: SentResponse, fault: RegExp | null][] = [
    ['as it is', answer(job), null],
    ['a problem as it is', answer(problem, { status: 404 }), null],
    ['events as they are', answer(null, events(progress)), null],
    ['another status', answer(job, { status: 418 }), /status 418/],
    ['another type', answer(job, { headers: { 'content-type': 'text/html' } }), /content type text\/html/],
    ['a property that is missing', answer(progress), /must have required property 'errors'/],
    ['one too many', answer({ ...job, colour: 'red' }), /must NOT have additional properties.*colour/],
    [
      'one too many further in',
      answer({ ...job, errors: [{ ...(errors as object[])[0], n: 1 }] }),
      /additional properties.*"n"/,
    ],
    ['a value of another kind', answer({ ...job, processed: '4' }), /\/processed must be integer/],
    [
      'a problem of another route',
      answer({ ...problem, code: 'range_not_satisfiable' }, { status: 404 }),
      /\/code must be equal/,
    ],
    ['a header that is missing', answer(job, { headers: { 'x-request-id': undefined } }), /X-Request-Id is missing/],
    ['one that is not described', answer(job, { headers: { etag: '"1"' } }), /ETag is not documented/],
    [
      'one with another value',
      answer(problem, { status: 429, headers: { 'retry-after': 'soon' } }),
      /Retry-After must match/,
    ],
    ['no JSON', answer(job, { body: '{' }), /no JSON/],
    ['an event of another kind', answer(null, events({ ...progress, status: 'lost' })), /\/status must be equal/],
  ];
  for (const [name, response, fault] of cases) {
    const faults = contract.faultsOf(response);
    if (fault === null) t.same(faults, [], name);
    else t.match(faults.join('\n'), fault, name);
  }
});

t.test('every answer of an app is looked at, however it is sent', async (t) => {
  const { job_id: job } = await importFile(app, { resource: 'users', name: 'users.csv', content: 'id,email\n1,x\n' });
  const answers = [
    ['/health', 'an object'],
    ['/v1/imports/none', 'a problem'],
    ['/v1/exports?resource=users', 'rows'],
    [`/v1/imports/${job}/errors`, 'JSON in pieces'],
    [`/v1/imports/${job}/events`, 'events'],
    ['/openapi.json', 'text'],
  ] as const;
  for (const isBroken of [false, true]) {
    broken = isBroken;
    for (const [url, name] of answers) {
      await app.inject(url);
      const expected = isBroken ? [`GET ${url} answered`, 'header Location is not documented'] : [];
      const faults = takeFaults(app);
      t.equal(faults.length, isBroken ? 1 : 0, name);
      for (const part of expected) t.match(faults[0], part, name);
    }
  }
});

// The app would keep the process, and thereby this, from ending by itself.
t.end();
