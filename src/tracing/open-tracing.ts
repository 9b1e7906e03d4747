// OpenTelemetry: spans go in batches to a collector over OTLP/HTTP as JSON. Nothing global is set, so that every app of a
// process has traces of its own. A collector that is away or slow costs spans, never a request or a job: what waits is
// bounded (2,048 spans), and what cannot be sent is dropped and said in the log, once a minute at most.
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { detectResources, envDetector, resourceFromAttributes } from '@opentelemetry/resources';
import { BatchSpanProcessor, type SpanExporter, TracerProvider } from '@opentelemetry/sdk-trace';
import type { Logger } from 'pino';
import { type SamplerSettings, samplerOf } from './sampler.ts';
import { traceJobs } from './trace-jobs.ts';
import { startRequestSpan } from './trace-requests.ts';
import type { Tracing } from './tracing.ts';

export interface TracingSettings extends SamplerSettings {
  /** Where spans are posted. */
  url: string;
}

export interface ServiceNames {
  service: string;
  version: string;
}

/** How long spans are collected before they are sent, and how long a sending may take. */
const collectMs = 2_000;
const sendTimeoutMs = 10_000;
const warnEveryMs = 60_000;

/**
 * Beside the settings the exporter reads the standard's OTEL_EXPORTER_OTLP_HEADERS, _TIMEOUT, _COMPRESSION, _CERTIFICATE,
 * _CLIENT_KEY, _CLIENT_CERTIFICATE; the resource OTEL_RESOURCE_ATTRIBUTES and OTEL_SERVICE_NAME.
 */
export function openTracing(settings: TracingSettings, { service, version }: ServiceNames, log: Logger): Tracing {
  const exporter = new OTLPTraceExporter({ url: settings.url });
  const provider = new TracerProvider({
    resource: resourceFromAttributes({ 'service.name': service, 'service.version': version }).merge(
      detectResources({ detectors: [envDetector] }),
    ),
    sampler: samplerOf(settings),
    spanProcessors: [
      new BatchSpanProcessor({
        exporter: tellFailures(exporter, log),
        scheduledDelayMillis: collectMs,
        exportTimeoutMillis: sendTimeoutMs,
      }),
    ],
  });
  const tracer = provider.getTracer(service, version);
  return {
    startRequest: (method, url, headers) => startRequestSpan(tracer, method, url, headers),
    observe: (inner) => traceJobs(tracer, inner),
    async close(timeoutMs) {
      const late = Promise.withResolvers<void>();
      const timer = setTimeout(late.resolve, timeoutMs);
      // Why the last spans could not be sent has been logged by then.
      await Promise.race([provider.shutdown().catch(() => {}), late.promise]);
      clearTimeout(timer);
    },
  };
}

function tellFailures(exporter: SpanExporter, log: Logger): SpanExporter {
  let lost = 0;
  let toldAt = Number.NEGATIVE_INFINITY;
  return {
    export(spans, done) {
      exporter.export(spans, (result) => {
        // 0 is success (ExportResultCode).
        if (result.code !== 0) {
          lost += spans.length;
          if (performance.now() - toldAt >= warnEveryMs) {
            log.warn({ err: result.error, spans: lost }, 'Spans could not be sent and are lost');
            toldAt = performance.now();
            lost = 0;
          }
        }
        done(result);
      });
    },
    shutdown: async () => await exporter.shutdown(),
  };
}
