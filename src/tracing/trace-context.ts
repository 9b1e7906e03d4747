/**
 * W3C Trace Context (https://www.w3.org/TR/trace-context/), kept with a job: it joins what any process does for the job to
 * the request that made it.
 */
export interface TraceContext {
  traceparent: string;
  tracestate?: string;
}
