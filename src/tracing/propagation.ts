// Spans to and from W3C Trace Context. Contexts are handed on by hand: the service has few spans, and asynchronous context
// tracking would cost every one of its promises.
import {
  type Context,
  defaultTextMapGetter,
  defaultTextMapSetter,
  ROOT_CONTEXT,
  type Span,
  trace,
} from '@opentelemetry/api';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import type { TraceContext } from './trace-context.ts';

const propagator = new W3CTraceContextPropagator();

/** A context without a span when the carrier names none, or none that is valid. */
export function readContext(carrier: Partial<Record<keyof TraceContext, string | string[]>>): Context {
  return propagator.extract(ROOT_CONTEXT, carrier, defaultTextMapGetter);
}

export function writeContext(span: Span): TraceContext {
  const carrier: Partial<TraceContext> = {};
  propagator.inject(contextOf(span), carrier, defaultTextMapSetter);
  return carrier as TraceContext;
}

/** For the spans under this one. */
export function contextOf(span: Span): Context {
  return trace.setSpan(ROOT_CONTEXT, span);
}

export function logBindingsOf(span: Span): Record<string, string> {
  const { traceId, spanId } = span.spanContext();
  return { trace_id: traceId, span_id: spanId };
}
