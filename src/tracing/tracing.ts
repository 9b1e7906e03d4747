// What the service knows of traces. Behind it is OpenTelemetry (open-tracing.ts), loaded only where traces are wanted.
import type { IncomingHttpHeaders } from 'node:http';
import type { JobObserver } from '../job-observer.ts';
import type { TraceContext } from './trace-context.ts';

export interface Tracing {
  /** Begins the span of a request, under that of the caller where `traceparent` names one. */
  startRequest(method: string, url: string, headers: IncomingHttpHeaders): RequestSpan;
  /** Makes spans of what jobs tell, and passes it on. */
  observe(inner: JobObserver): JobObserver;
  /** Sends what has not been sent, and gives up after `timeoutMs`. Never rejects. */
  close(timeoutMs: number): Promise<void>;
}

export interface RequestSpan {
  /** For every line that is logged for the request. */
  readonly logBindings: Readonly<Record<string, string>>;
  /** For the job that the request makes. */
  readonly context: TraceContext;
  /** @param route the pattern of the URL; undefined: there is nothing at this URL. */
  routed(route: string | undefined, requestId: string): void;
  /** @param complete whether all of the response was sent. */
  end(statusCode: number, complete: boolean): void;
}
