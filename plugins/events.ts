// GET /v1/imports/:job_id/events and /v1/exports/:job_id/events: a job's states as they come, as server-sent events.
import { Readable } from 'node:stream';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { FastifyReply, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import type { Logger } from 'pino';
import { Type } from 'typebox';
import type { JobType } from '../db/jobs.ts';
import { EventStream } from '../src/events/event-stream.ts';
import { JobFeeds } from '../src/events/job-feeds.ts';
import { endStalledResponse } from '../src/export/end-stalled-response.ts';
import { exportDocs } from '../src/export/export-docs.ts';
import { viewExport } from '../src/export/export-view.ts';
import { importDocs, JobParams } from '../src/import/import-docs.ts';
import { viewProgress } from '../src/import/import-view.ts';
import { problem } from '../src/problems.ts';
import { requireJob } from '../src/require-job.ts';

export interface EventsOptions {
  /** Default 15 seconds: proxies take a connection for dead after 30 or 60. */
  heartbeatMs?: number;
}

const retrySeconds = 30;
const docs = { import: importDocs.events, export: exportDocs.events } as const;

const schema = {
  params: JobParams,
  headers: Type.Object({
    'last-event-id': Type.Optional(Type.String({ description: 'A state that the client has is not sent again.' })),
  }),
  response: {
    200: {
      description:
        'Events `progress`, and at last `end`: `data` is the job as GET shows it (an import without its `errors`). `id` grows. The response ends after `end`.',
      content: { 'text/event-stream': { schema: Type.String() } },
    },
    204: Type.Null({ description: 'The job has ended, and the client knows: do not connect again.' }),
  },
};

export default fp<EventsOptions>(
  async (instance, { heartbeatMs = 15_000 }) => {
    const app = instance.withTypeProvider<TypeBoxTypeProvider>();
    const { config, db, queue, telemetry } = app;
    const { maxEventStreams } = config.http;
    const feeds = new JobFeeds({
      db,
      view: {
        import: async (job, of) => await viewProgress(db, job, queue.parents, of),
        export: async (job) => viewExport(job),
      },
      log: app.log as Logger,
    });
    telemetry.listen({ jobEnded: () => feeds.look() });

    let stopping = false;
    /** Open streams, with the API key that each belongs to. */
    const open = new Map<EventStream, string | undefined>();
    const heartbeats = setInterval(() => {
      for (const stream of open.keys()) stream.beat();
    }, heartbeatMs).unref();
    app.addHook('preClose', async () => {
      stopping = true;
      clearInterval(heartbeats);
      for (const stream of open.keys()) stream.stop();
      feeds.close();
    });

    function assertRoom(key: string | undefined): void {
      const own = [...open.values()].filter((one) => one === key).length;
      const most = key === undefined ? maxEventStreams : Math.ceil(maxEventStreams / 2);
      if (open.size < maxEventStreams && own < most) return;
      const detail = `there are as many event streams as there may be (MAX_EVENT_STREAMS); ask for the job itself now and then`;
      throw problem('too_many_streams', detail, {}, { 'retry-after': String(retrySeconds) });
    }

    async function sendEvents(type: JobType, jobId: string, request: FastifyRequest, reply: FastifyReply) {
      const key = request.apiKey?.name;
      assertRoom(key);
      const job = await requireJob(db, type, jobId, request.jobsOf);
      const state = await feeds.stateOf(job, request.jobsOf);
      const seen = readId(request.headers['last-event-id']);
      // The one answer that keeps an EventSource from connecting again.
      if (state.ended && seen % 2 === 1 && seen >= state.id) return reply.code(204).send();
      reply.type('text/event-stream').header('cache-control', 'no-store').header('x-accel-buffering', 'no');
      if (request.method === 'HEAD') return reply.send(Readable.from([]));

      const stream = new EventStream(seen === state.id ? seen : undefined);
      assertRoom(key);
      open.set(stream, key);
      stream.send(state);
      const unfollow = feeds.follow(job, request.jobsOf, state, (next) => (next ? stream.send(next) : stream.stop()));
      stream.once('close', () => {
        open.delete(stream);
        unfollow();
      });
      endStalledResponse(reply.raw, config.clientPace);
      reply.send(stream);
      // It was asked for before the stop, and would have missed it.
      if (stopping) stream.stop();
      return reply;
    }

    for (const type of ['import', 'export'] as const) {
      const config = { scope: 'read', docs: docs[type] } as const;
      app.get(`/v1/${type}s/:job_id/events`, { config, schema }, async (request, reply) => {
        return await sendEvents(type, request.params.job_id, request, reply);
      });
    }
  },
  { name: 'events', dependencies: ['auth', 'database', 'job-queue', 'telemetry'] },
);

/** @returns -1 for what is no id of ours. */
function readId(header: unknown): number {
  return typeof header === 'string' && /^\d{1,16}$/.test(header) ? Number(header) : -1;
}
