import type { IncomingHttpHeaders } from 'node:http';
import { SpanKind, SpanStatusCode, type Tracer } from '@opentelemetry/api';
import { logBindingsOf, readContext, writeContext } from './propagation.ts';
import type { RequestSpan } from './tracing.ts';

/** Attributes as in https://opentelemetry.io/docs/specs/semconv/http/http-spans/; queries stay out, they may hold secrets. */
export function startRequestSpan(
  tracer: Tracer,
  method: string,
  url: string,
  { traceparent, tracestate }: IncomingHttpHeaders,
): RequestSpan {
  const [path = ''] = url.split('?', 1);
  const span = tracer.startSpan(
    method,
    { kind: SpanKind.SERVER, attributes: { 'http.request.method': method, 'url.path': path } },
    readContext({ traceparent, tracestate }),
  );
  return {
    logBindings: logBindingsOf(span),
    context: writeContext(span),
    routed(route, requestId) {
      span.setAttribute('bulk.request_id', requestId);
      if (route === undefined) return;
      span.setAttribute('http.route', route);
      span.updateName(`${method} ${route}`);
    },
    end(statusCode, complete) {
      if (complete) span.setAttribute('http.response.status_code', statusCode);
      if (!complete || statusCode >= 500) {
        span.setAttribute('error.type', complete ? String(statusCode) : 'disconnect');
        span.setStatus({ code: SpanStatusCode.ERROR });
      }
      span.end();
    },
  };
}
