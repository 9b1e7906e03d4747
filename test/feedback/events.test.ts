// Jobs followed by server-sent events.
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';
import { setTimeout as pause, setImmediate as soon } from 'node:timers/promises';
import type { FastifyInstance } from 'fastify';
import t from 'tap';
import { findJob } from '../../db/jobs.ts';
import { EventStream, type JobState } from '../../src/events/event-stream.ts';
import { JobFeeds } from '../../src/events/job-feeds.ts';
import { signalGone } from '../../src/http/signal-gone.ts';
import { build } from '../build.ts';
import { ended, importFile, listen, post, statusOf } from '../client.ts';
import { inThisDatabase } from '../databases.ts';
import { holdJobs } from '../hold-jobs.ts';
import { id } from '../numbered.ts';

const user = (n: number) =>
  `${JSON.stringify({ id: id(n), email: `u${n}@x.org`, name: 'U', role: 'viewer', created_at: '2024-01-01T00:00:00Z' })}\n`;
const users = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, n) => user(from + n)).join('');

interface Event {
  id: number;
  event: string;
  data: Record<string, unknown>;
}

/** The events of a stream, as a browser would read them. */
async function* eventsOf(response: Response): AsyncGenerator<Event> {
  let text = '';
  for await (const block of response.body!.pipeThrough(new TextDecoderStream())) {
    text += block;
    const parts = text.split('\n\n');
    text = parts.pop()!;
    for (const part of parts) {
      const lines = new Map(part.split('\n').map((line) => line.split(/: (.*)/s, 2) as [string, string]));
      if (!lines.has('data')) continue;
      yield { id: Number(lines.get('id')), event: lines.get('event')!, data: JSON.parse(lines.get('data')!) };
    }
  }
}

async function all(response: Response): Promise<Event[]> {
  const events: Event[] = [];
  for await (const event of eventsOf(response)) events.push(event);
  return events;
}

/** The first event of the kind that the test waits for. */
async function next(events: AsyncGenerator<Event>, wanted: (event: Event) => boolean = () => true): Promise<Event> {
  for (;;) {
    const { value, done } = await events.next();
    if (done) throw new Error('the stream has ended');
    if (wanted(value)) return value;
  }
}

async function posted(app: FastifyInstance, name: string, content: string): Promise<string> {
  return (await post(app, { resource: 'users', name, content })).json().job_id;
}

const app = await build(t, { IMPORT_BATCH_SIZE: '10', MAX_EVENT_STREAMS: '4', SHUTDOWN_TIMEOUT: '2s' });

t.test('a job can be followed', async (t) => {
  const origin = await listen(app);
  const follow = async (path: string, headers: Record<string, string> = {}) =>
    await fetch(new URL(path, origin), { headers, signal: AbortSignal.timeout(60_000) });

  await t.test('from its acceptance to its end', async (t) => {
    const letGo = await holdJobs(t, app);
    const jobId = await posted(app, 'u.ndjson', `${users(1, 30)}{}\n`);
    const response = await follow(`/v1/imports/${jobId}/events`);
    t.match(response.headers.get('content-type'), /^text\/event-stream/);
    t.equal(response.headers.get('content-encoding'), null);
    const stream = eventsOf(response);
    const first = await next(stream);
    t.match(first, { event: 'progress', data: { job_id: jobId, successful: 0 } });
    await letGo();
    const rest: Event[] = [];
    for await (const event of stream) rest.push(event);
    const last = rest.at(-1)!;
    t.equal(last.event, 'end');
    t.equal(rest.filter(({ event }) => event === 'end').length, 1);
    const ids = [first, ...rest].map((event) => event.id);
    t.same(
      ids,
      [...new Set(ids)].sort((a, b) => a - b),
      'ids grow',
    );
    const { errors, ...job } = await statusOf(app, jobId);
    t.same(last.data, job, 'the data is the import as GET shows it, without errors');

    t.equal((await follow(`/v1/imports/${jobId}/events`, { 'last-event-id': String(last.id) })).status, 204);
    for (const seen of [String(first.id), String(last.id - 1), 'x', '']) {
      const again = await all(await follow(`/v1/imports/${jobId}/events`, { 'last-event-id': seen }));
      t.same(again, [last], `after ${seen}`);
    }
  });

  await t.test('again, without what was seen before', async (t) => {
    const letGo = await holdJobs(t, app);
    const jobId = await posted(app, 'u.ndjson', users(101, 130));
    const first = eventsOf(await follow(`/v1/imports/${jobId}/events`));
    const { id: seen } = await next(first, ({ data }) => data.status === 'processing');
    await first.return(undefined);
    const second = eventsOf(await follow(`/v1/imports/${jobId}/events`, { 'last-event-id': String(seen) }));
    const following = next(second);
    // Another listener is told the state; the one that knows it is not.
    const third = eventsOf(await follow(`/v1/imports/${jobId}/events`));
    t.equal((await next(third)).id, seen);
    await letGo();
    t.ok((await following).id > seen);
    await ended(app, jobId);
  });

  await t.test('until it is cancelled; exports too', async (t) => {
    const letGo = await holdJobs(t, app);
    const imported = await posted(app, 'u.ndjson', users(201, 230));
    const asked = await app.inject({ method: 'POST', url: '/v1/exports', payload: { resource: 'users' } });
    for (const path of [`/v1/imports/${imported}`, `/v1/exports/${asked.json().job_id}`]) {
      const stream = eventsOf(await follow(`${path}/events`));
      t.match(await next(stream, ({ data }) => data.status === 'processing'), { event: 'progress' });
      await app.inject({ method: 'POST', url: `${path}/cancel` });
      t.match(await next(stream, ({ event }) => event === 'end'), { data: { status: 'cancelled' } });
      t.ok((await stream.next()).done);
    }
    await letGo();
    const exported = await app.inject({ method: 'POST', url: '/v1/exports', payload: { resource: 'users' } });
    const events = await all(await follow(`/v1/exports/${exported.json().job_id}/events`));
    t.match(events.at(-1), { event: 'end', data: { status: 'completed', download_url: /download$/ } });
  });

  await t.test('by so many at once, and no more', async (t) => {
    const letGo = await holdJobs(t, app);
    const jobId = await posted(app, 'u.ndjson', users(301, 310));
    const open = await Promise.all([1, 2, 3, 4].map(async () => await follow(`/v1/imports/${jobId}/events`)));
    const refused = await follow(`/v1/imports/${jobId}/events`);
    t.match(await refused.json(), { status: 429, code: 'too_many_streams' });
    t.ok(Number(refused.headers.get('retry-after')) > 0);
    await open[0]!.body!.cancel();
    let again = await follow(`/v1/imports/${jobId}/events`);
    while (again.status === 429) again = await follow(`/v1/imports/${jobId}/events`);
    t.equal(again.status, 200, 'a client that leaves makes room');
    await letGo();
    for (const response of [...open.slice(1), again]) t.equal((await all(response)).at(-1)?.event, 'end');
  });

  await t.test('as long as it is there', async (t) => {
    t.match(await (await follow(`/v1/imports/${id(1)}/events`)).json(), { status: 404, code: 'job_not_found' });
    const letGo = await holdJobs(t, app);
    const jobId = await posted(app, 'u.ndjson', users(401, 410));
    const stream = eventsOf(await follow(`/v1/imports/${jobId}/events`));
    await next(stream);
    await app.sql`UPDATE bulk.jobs SET swept_at = now() WHERE id = ${jobId}`;
    for await (const { event } of stream) t.equal(event, 'progress');
    await app.sql`UPDATE bulk.jobs SET swept_at = NULL WHERE id = ${jobId}`;
    await letGo();
    await ended(app, jobId);
  });

  await t.test('by any number of listeners, for one statement and one view of a state', async (t) => {
    const { job_id } = await importFile(app, { resource: 'users', name: 'u.ndjson', content: users(501, 503) });
    const job = await findJob(app.db, 'import', job_id);
    await app.sql`UPDATE bulk.jobs SET attempt = attempt + 1 WHERE id = ${job_id}`;
    const calls = { statements: 0, views: 0 };
    const db = new Proxy(app.db, {
      get(target, name) {
        if (name === 'selectFrom') calls.statements++;
        const member = Reflect.get(target, name);
        return typeof member === 'function' ? member.bind(target) : member;
      },
    });
    const view = async () => ({ n: ++calls.views });
    const feeds = new JobFeeds({ db, view: { import: view, export: view }, log: app.log as never });
    t.teardown(() => feeds.close());
    const known = await feeds.stateOf(job!, undefined);
    const told = await Promise.all(
      Array.from({ length: 50 }, async () => {
        const { promise, resolve } = Promise.withResolvers<JobState | null>();
        const stop = feeds.follow(job!, undefined, known, resolve);
        const state = await promise;
        stop();
        return state?.data;
      }),
    );
    t.same(told, Array(50).fill('{"n":2}'));
    t.equal(calls.views, 2);
    t.ok(calls.statements <= 2);
  });
});

t.test('a client that does not read costs one state', async (t) => {
  const stream = new EventStream();
  const state = (n: number, done = false): JobState => ({
    id: 2 * n + (done ? 1 : 0),
    ended: done,
    pending: false,
    data: JSON.stringify({ n, padding: 'x'.repeat(1000) }),
  });
  for (let n = 1; n <= 1000; n++) {
    stream.send(state(n));
    stream.beat();
    await soon();
  }
  t.ok(stream.readableLength < 3000, 'what waits for the client does not grow');
  stream.send(state(1000, true));
  let text = '';
  for await (const block of stream) text += block;
  const ids = [...text.matchAll(/^id: (\d+)$/gm)].map(([, id]) => Number(id));
  t.ok(ids.length <= 2);
  t.equal(ids.at(-1), 2001, 'and at last it gets the last');
  t.match(text, /^retry: 2000\n\n/);

  const regressed = new EventStream();
  regressed.send(state(10));
  const read = regressed.iterator();
  while (!/id: 20\n/.test(String((await read.next()).value)));
  regressed.send(state(7, true));
  t.match(String((await read.next()).value), /^id: 21\nevent: end\n/, 'the end is told whatever came before');
});

t.test('a client that leaves before its stream begins leaves nothing', async (t) => {
  const { port } = await listen(app);
  const { job_id } = await importFile(app, { resource: 'users', name: 'u.ndjson', content: users(1, 3) });
  const intervals = new Set<unknown>();
  const { setInterval, clearInterval } = globalThis;
  t.capture(globalThis, 'setInterval', (...args: Parameters<typeof setInterval>) => {
    const interval = setInterval(...args);
    intervals.add(interval);
    return interval;
  });
  t.capture(globalThis, 'clearInterval', (interval: Parameters<typeof clearInterval>[0]) => {
    intervals.delete(interval);
    clearInterval(interval);
  });
  const leave = async (path: string) => {
    const arrived = once(app.server, 'request') as Promise<[unknown, ServerResponse]>;
    const socket = connect(Number(port), '127.0.0.1');
    socket.write(`GET ${path} HTTP/1.1\r\nhost: localhost\r\n\r\n`);
    const [, response] = await arrived;
    socket.destroy();
    await once(response, 'close');
    return response;
  };
  const locking = await app.sql.reserve();
  await locking.unsafe('BEGIN; LOCK TABLE bulk.jobs IN ACCESS EXCLUSIVE MODE');
  const left = await leave(`/v1/imports/${job_id}/events`);
  const waiting = () => locking`SELECT FROM pg_locks WHERE ${inThisDatabase(locking)} AND NOT granted`;
  while ((await waiting()).length === 0) await pause(10);
  await locking.unsafe('ROLLBACK');
  locking.release();
  // It is answered after the one that left.
  t.match(await app.inject(`/v1/imports/${job_id}`), { statusCode: 200 });
  for (let looks = 0; looks < 50 && (looks < 10 || intervals.size > 0); looks++) await pause(20);
  t.equal(intervals.size, 0, 'nobody looks after a response that is over');
  t.ok(signalGone(left).aborted, 'what is begun for it ends at once');
});

t.test('a stop ends the streams, also those that nobody reads', async () => {
  const { port } = await listen(app);
  const { job_id } = await importFile(app, { resource: 'users', name: 'u.ndjson', content: users(1, 3) });
  await app.sql`UPDATE bulk.jobs SET status = 'processing', completed_at = NULL WHERE id = ${job_id}`;
  const sockets: Socket[] = [];
  for (const reads of [true, false]) {
    const socket = connect(Number(port), '127.0.0.1');
    sockets.push(socket);
    socket.on('error', () => {});
    socket.write(`GET /v1/imports/${job_id}/events HTTP/1.1\r\nhost: localhost\r\n\r\n`);
    await once(socket, 'readable');
    if (reads) socket.resume();
  }
  const closed = once(sockets[0]!, 'end');
  await app.sql`UPDATE bulk.jobs SET status = 'completed', completed_at = now() WHERE id = ${job_id}`;
  await app.close();
  await closed;
  for (const socket of sockets) socket.destroy();
});

// What the app has open would keep the file from ending.
t.end();
