// Traces, where OTEL_EXPORTER_OTLP_ENDPOINT says where to send them; elsewhere nothing of OpenTelemetry is even loaded. A
// request's span begins with its logger, so that every line carries the trace, and ends with its connection's part in it.
import type { IncomingMessage } from 'node:http';
import type { FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import type { Logger } from 'pino';
import packageJson from '../package.json' with { type: 'json' };
import { whenOver } from '../src/http/when-over.ts';
import type { TraceContext } from '../src/tracing/trace-context.ts';
import type { RequestSpan, Tracing } from '../src/tracing/tracing.ts';

declare module 'fastify' {
  interface FastifyInstance {
    /** null: traces are not wanted. */
    tracing: Tracing | null;
  }
  interface FastifyRequest {
    /** For the job that the request makes. */
    readonly trace: TraceContext | undefined;
  }
}

/** Of the time for a stop: sending the last spans must not keep it from being in order. */
const closeShare = 0.1;

export default fp(
  async (app) => {
    const settings = app.config.tracing;
    const spans = new WeakMap<IncomingMessage, RequestSpan>();
    app.decorateRequest('trace', {
      getter(this: FastifyRequest) {
        return spans.get(this.raw)?.context;
      },
    });
    if (!settings) {
      app.decorate('tracing', null);
      return;
    }
    const { openTracing } = await import('../src/tracing/open-tracing.ts');
    const names = { service: packageJson.name, version: packageJson.version };
    const tracing = openTracing(settings, names, app.log as Logger);
    app.decorate('tracing', tracing);
    // Registered first, so that it runs last: what is closed before may still end spans.
    app.addHook('onClose', async () => await tracing.close(closeShare * app.config.shutdownTimeoutMs));

    app.setChildLoggerFactory((logger, bindings, options, raw) => {
      // Routes with a level of their own are those that machines ask every few seconds (src/logger.ts).
      if (options.level !== undefined) return logger.child(bindings, options);
      const { method = '', url = '', headers } = raw as IncomingMessage;
      const span = tracing.startRequest(method, url, headers);
      spans.set(raw as IncomingMessage, span);
      return logger.child({ ...bindings, ...span.logBindings }, options);
    });
    app.addHook('onRequest', async (request, reply) => {
      const span = spans.get(request.raw);
      if (!span) return;
      span.routed(request.is404 ? undefined : request.routeOptions.url, request.id);
      whenOver(reply.raw, (complete) => span.end(reply.statusCode, complete));
    });
  },
  { name: 'tracing' },
);
