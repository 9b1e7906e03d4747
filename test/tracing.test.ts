// Traces, as a collector gets them: from the request to the job, whichever process runs it, to the chunks.
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { pino } from 'pino';
import t, { type Test } from 'tap';
import { openPool } from '../db/client.ts';
import { openTracing } from '../src/tracing/open-tracing.ts';
import { readContext } from '../src/tracing/propagation.ts';
import { type SamplerSettings, samplerOf } from '../src/tracing/sampler.ts';
import { build } from './build.ts';
import { ended, importFile, post } from './client.ts';
import { createDatabase } from './databases.ts';
import { environment } from './environment.ts';
import { type OtlpReceiver, type ReceivedSpan, receiveSpans } from './otlp-receiver.ts';
import { follow, startService, upload } from './service-process.ts';
import { temporaryFolder } from './temporary-folder.ts';

const user = (n: number, role = 'admin') =>
  `00000000-0000-4000-8000-${String(n).padStart(12, '0')},u${n}@example.com,User ${n},${role},true,2024-01-01T00:00:00Z,\n`;
const usersCsv = (roles: string[]) =>
  `id,email,name,role,active,created_at,updated_at\n${roles.map((role, n) => user(n, role)).join('')}`;
const caller = { trace: '0af7651916cd43dd8448eb211c80319c', span: 'b7ad6b7169203331' };
const traceparent = `00-${caller.trace}-${caller.span}-01`;

const under = ({ spans }: OtlpReceiver, parent: ReceivedSpan) =>
  spans.filter(({ parentSpanId }) => parentSpanId === parent.spanId);
const namesOf = (spans: ReceivedSpan[]) => spans.map(({ name }) => name);

/** The only span of this name. @throws when there are none or several. */
function theSpan({ spans }: Pick<OtlpReceiver, 'spans'>, name: string): ReceivedSpan {
  const [found, ...more] = spans.filter((span) => span.name === name);
  if (!found || more.length > 0) throw new Error(`${namesOf(spans).join(', ')}: not one ${name}`);
  return found;
}

// Each has services of its own, and waits for them most of the time.
t.jobs = 3;

t.test('an import is one trace: the caller, its request, the job, the chunks, their stages', async (t) => {
  const collector = await receiveSpans(t);
  const app = await build(t, { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, IMPORT_BATCH_SIZE: '2' });
  const content = usersCsv(['admin', 'none', 'admin', 'editor', 'viewer']);
  const headers = { traceparent, tracestate: 'vendor=a' };
  const job = await importFile(app, { resource: 'users', name: 'u.csv', content, headers, query: '?format=csv' });
  t.match(job, { status: 'completed', successful: 4, failed: 1 });
  await app.inject('/health');
  await app.inject({ url: '/metrics', headers: { accept: 'text/plain' } });
  const unsampled = `00-${'5'.repeat(32)}-${caller.span}-00`;
  await importFile(app, { resource: 'users', name: 'u.csv', content, headers: { traceparent: unsampled } });
  await app.close();

  t.equal(collector.posts[0]?.path, '/v1/traces');
  const request = theSpan(collector, 'POST /v1/imports');
  t.match(request, { traceId: caller.trace, parentSpanId: caller.span, kind: 2, traceState: 'vendor=a' });
  t.match(request.attributes, {
    'http.request.method': 'POST',
    'http.route': '/v1/imports',
    'url.path': '/v1/imports',
    'http.response.status_code': 202,
  });
  t.match(request.resource, { 'service.name': 'bulk-import-export-api', 'service.version': /^\d/ });

  const [attempt, ...others] = under(collector, request);
  t.same(others, []);
  t.match(attempt, { name: 'import users', kind: 5 });
  t.match(attempt!.attributes, {
    'bulk.job_id': job.job_id,
    'bulk.attempt': 1,
    'bulk.status': 'completed',
    'bulk.successful': 4,
    'bulk.failed': 1,
  });

  const chunks = under(collector, attempt!).toSorted(
    (a, b) => Number(a.attributes['bulk.chunk']) - Number(b.attributes['bulk.chunk']),
  );
  t.match(
    chunks.map(({ name, attributes }) => [name, attributes['bulk.first_line'], attributes['bulk.rejected']]),
    [
      ['chunk', 1, 1],
      ['chunk', 4, 0],
      ['chunk', 6, 0],
    ],
  );
  for (const chunk of chunks) {
    const stages = under(collector, chunk);
    t.same(namesOf(stages).toSorted(), ['commit', 'copy', 'load', 'look_up', 'parse', 'split']);
    t.ok(
      stages.every((stage) => stage.startTimeUnixNano <= stage.endTimeUnixNano),
      'no stage ends before it begins',
    );
  }
  const whole = [request, attempt!, ...chunks, ...chunks.flatMap((chunk) => under(collector, chunk))];
  t.ok(whole.every(({ traceId }) => traceId === caller.trace));
  t.notMatch(namesOf(collector.spans).join(), /health|metrics/, 'what is asked every few seconds is not traced');
  t.notOk(
    collector.spans.some(({ traceId }) => traceId === '5'.repeat(32)),
    'a trace that the caller does not keep is not kept here, nor is its job',
  );
});

t.test('exports, failed and cancelled jobs, and clients that leave', async (t) => {
  const collector = await receiveSpans(t);
  const app = await build(t, { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url });
  await importFile(app, { resource: 'users', name: 'bad.csv', content: 'id,email\n' });
  const exported = await app.inject({
    method: 'POST',
    url: '/v1/exports',
    headers: { traceparent },
    payload: { resource: 'users' },
  });
  await ended(app, exported.json().job_id, 'exports');
  // A job that was made where traces were off.
  const untraced = await post(app, { resource: 'articles', name: 'a.ndjson', content: '{}' });
  await app.sql`UPDATE bulk.jobs SET options = options - 'trace' WHERE id = ${untraced.json().job_id}`;
  await ended(app, untraced.json().job_id);
  for (const value of ['', 'x', '00-0-0-0', `00-${'0'.repeat(32)}-${caller.span}-01`, 'a'.repeat(8000)]) {
    const headers = { traceparent: value, tracestate: '\u00ff=;,' };
    t.equal((await app.inject({ url: '/problems/not_found', headers })).statusCode, 200);
  }
  await app.inject('/nowhere');
  await leaveEarly(app);
  const figures = await app.inject({ url: '/metrics', headers: { accept: 'text/plain' } });
  t.match(figures.body, /_count\{method="POST",route="\/v1\/imports",status="disconnect"\} 1\n/);
  await app.close();

  const failed = theSpan(collector, 'import users');
  t.match(failed, { status: { code: 2 }, attributes: { 'bulk.status': 'failed', 'error.type': 'missing_columns' } });
  const request = theSpan(collector, 'POST /v1/exports');
  t.match(theSpan(collector, 'export users'), {
    traceId: caller.trace,
    parentSpanId: request.spanId,
    attributes: { 'bulk.status': 'completed' },
  });
  t.match(theSpan(collector, 'GET'), { attributes: { 'url.path': '/nowhere', 'http.response.status_code': 404 } });
  t.notMatch(figures.body, /status="disconnect"\} [2-9]/);
  t.ok(theSpan(collector, 'import articles'));
  const strangers = collector.spans.filter(({ name }) => name === 'GET /problems/:code');
  t.equal(new Set(strangers.map(({ traceId }) => traceId)).size, 5, 'a traceparent that is none begins a trace');
  t.ok(strangers.every(({ parentSpanId }) => !parentSpanId));
  const left = collector.spans.find(({ attributes }) => attributes['error.type'] === 'disconnect');
  t.match(left, { name: 'POST /v1/imports', status: { code: 2 } });
});

/** Begins an upload and goes away in the middle of it. Resolves when the service has noticed. */
async function leaveEarly(app: FastifyInstance): Promise<void> {
  await app.listen({ port: 0 });
  const arrived = once(app.server, 'request') as Promise<[unknown, ServerResponse]>;
  const client = connect((app.server.address() as AddressInfo).port, '127.0.0.1');
  client.write(
    'POST /v1/imports HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9000\r\nContent-Type: multipart/form-data; boundary=x\r\n\r\n--x\r\n',
  );
  const [, response] = await arrived;
  const noticed = once(response, 'close');
  client.destroy();
  await noticed;
}

t.test('samplers are those of the specification', async (t) => {
  const samples = (sampler: SamplerSettings['sampler'], ratio: number, flags: string | null) => {
    const parent = readContext(flags === null ? {} : { traceparent: traceparent.replace(/..$/, flags) });
    return samplerOf({ sampler, ratio }).shouldSample(parent, caller.trace, 'x', 0, {}, []).decision === 2;
  };
  const kept = { none: null, dropped: '00', kept: '01' };
  const cases: [SamplerSettings['sampler'], number, (keyof typeof kept)[]][] = [
    ['always_on', 1, ['none', 'dropped', 'kept']],
    ['always_off', 1, []],
    ['traceidratio', 1, ['none', 'dropped', 'kept']],
    ['traceidratio', 0, []],
    ['parentbased_always_on', 1, ['none', 'kept']],
    ['parentbased_always_off', 1, ['kept']],
    ['parentbased_traceidratio', 0, ['kept']],
    ['parentbased_traceidratio', 1, ['none', 'kept']],
  ];
  for (const [sampler, ratio, expected] of cases) {
    const sampled = Object.entries(kept).flatMap(([parent, flags]) => (samples(sampler, ratio, flags) ? [parent] : []));
    t.same(sampled, expected, `${sampler} ${ratio}`);
  }
});

t.test('a collector that is away, refuses or is silent disturbs neither jobs nor the stop', async (t) => {
  const silent = createServer(() => {});
  const refusing = createServer((_request, response) => response.writeHead(400).end());
  const gone = createServer();
  for (const server of [silent, refusing, gone]) {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  }
  const urlOf = (server: typeof silent) => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const urls = [silent, refusing, gone].map(urlOf);
  gone.close();
  t.after(() => {
    for (const server of [silent, refusing]) {
      server.closeAllConnections();
      server.close();
    }
  });
  for (const url of urls) {
    const said: unknown[] = [];
    const log = pino({}, { write: (line: string) => said.push(JSON.parse(line).msg) });
    const tracing = openTracing({ url, sampler: 'always_on', ratio: 1 }, { service: 'x', version: '1' }, log);
    tracing.startRequest('GET', '/', {}).end(200, true);
    // The silent one holds the request, the one that is away is asked again: what was begun is given up.
    await tracing.close(500);
    if (url === urlOf(refusing)) t.same(said, ['Spans could not be sent and are lost']);
  }
  const app = await build(t, { OTEL_EXPORTER_OTLP_ENDPOINT: urlOf(silent), SHUTDOWN_TIMEOUT: '3s' });
  const job = await importFile(app, { resource: 'users', name: 'u.csv', content: usersCsv(['admin', 'admin']) });
  t.match(job, { status: 'completed', successful: 2 });
  await app.close();
});

/** Writes a line for everything that is loaded from OpenTelemetry. */
const preload = `import { registerHooks } from 'node:module';
  registerHooks({ resolve(name, context, next) {
    if (name.startsWith('@opentelemetry/')) process.stderr.write(name + '\\n');
    return next(name, context);
  } });`;

async function setUp(t: Pick<Test, 'after'>, collector?: OtlpReceiver) {
  const connection = await createDatabase(t);
  const env: Record<string, string> = {
    ...environment(connection, await temporaryFolder(t)),
    LOG_LEVEL: 'info',
    ...(collector ? { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_SERVICE_NAME: 'ours' } : {}),
  };
  return { connection, env };
}

t.test('a job that another process takes over stays in the trace of its request, and so do the logs', async (t) => {
  const collector = await receiveSpans(t);
  const { connection, env } = await setUp(t, collector);
  const sql = openPool(connection, { max: 1, name: 'test' });
  t.after(async () => await sql.end({ timeout: 1 }));
  const first = await startService(t, { ...env, OTEL_EXPORTER_OTLP_HEADERS: 'x-tenant=us' }, { preload });
  t.ok(first.errors.includes('@opentelemetry/sdk-trace'));
  // Nobody can load users until this ends.
  const locked = await sql.reserve();
  await locked`BEGIN`;
  await locked`SET LOCAL idle_in_transaction_session_timeout = 0`;
  await locked`LOCK TABLE users IN ACCESS EXCLUSIVE MODE`;
  const jobId = await upload(first.url, 'users', 'u.csv', new Blob([usersCsv(['admin', 'admin'])]));
  await follow<{ status: string }>(`${first.url}/v1/imports/${jobId}`, ({ status }) => status === 'processing');
  await first.stop('SIGKILL');
  await locked`ROLLBACK`;
  locked.release();
  const second = await startService(t, env);
  await follow<{ status: string }>(`${second.url}/v1/imports/${jobId}`, ({ status }) => status === 'completed');
  t.equal(await second.stop('SIGTERM'), 0);

  const accepted = first.log.find(({ msg }) => msg === 'Import accepted')!;
  const completed = second.log.find(({ msg }) => msg === 'Import completed')!;
  t.match(accepted, { job_id: jobId, trace_id: /^[0-9a-f]{32}$/, span_id: /^[0-9a-f]{16}$/ });
  t.match(completed, { job_id: jobId, attempt: 2, trace_id: accepted.trace_id });
  const requestLines = first.log.filter(({ request_id }) => request_id === accepted.request_id);
  t.same(
    requestLines.map(({ msg, trace_id }) => [msg, trace_id]),
    ['incoming request', 'Import accepted', 'request completed'].map((msg) => [msg, accepted.trace_id]),
  );

  // The request's own span may have died with its process.
  const attempt = theSpan(collector, 'import users');
  t.match(attempt, { traceId: accepted.trace_id, parentSpanId: accepted.span_id, spanId: completed.span_id });
  t.match(attempt.attributes, { 'bulk.attempt': 2 });
  t.equal(attempt.resource['service.name'], 'ours');
  t.same(namesOf(under(collector, attempt)), ['chunk']);
});

t.test('without an endpoint nothing of OpenTelemetry is loaded', async (t) => {
  const { env } = await setUp(t);
  const service = await startService(t, env, { preload });
  const jobId = await upload(service.url, 'users', 'u.csv', new Blob([usersCsv(['admin'])]));
  await follow<{ status: string }>(`${service.url}/v1/imports/${jobId}`, ({ status }) => status === 'completed');
  await service.stop('SIGTERM');
  // The API alone, which prom-client asks for a span to show with a figure: there is none.
  t.same(
    service.errors.filter((name) => name !== '@opentelemetry/api'),
    [],
  );
  t.notMatch(JSON.stringify(service.log), 'trace_id');
});
