import type { Values } from '../environment.ts';
import type { traces } from '../variables/traces.ts';
import type { TracingSettings } from './open-tracing.ts';

/** Of the address that signals of all kinds go to. */
const tracesPath = 'v1/traces';

/** null: traces are not wanted. */
export function tracingSettings(values: Values<typeof traces>): TracingSettings | null {
  const { OTEL_EXPORTER_OTLP_ENDPOINT: base, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: exact } = values;
  const url = exact ?? (base && new URL(tracesPath, base.endsWith('/') ? base : `${base}/`).href);
  if (!url || values.OTEL_SDK_DISABLED === 'true') return null;
  return { url, sampler: values.OTEL_TRACES_SAMPLER, ratio: values.OTEL_TRACES_SAMPLER_ARG };
}
