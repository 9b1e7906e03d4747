// The variables of OpenTelemetry that the service reads itself; names, defaults and meaning are the standard's
// (https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/).
import { choice, type Parsed, type Variables } from '../environment.ts';

export const traces = {
  OTEL_EXPORTER_OTLP_ENDPOINT: {
    group: 'Traces',
    default: null,
    defaultText: 'not set: no traces',
    description: 'where spans are sent by OTLP/HTTP (JSON), such as http://127.0.0.1:4318; /v1/traces is appended',
    parse: parseHttpUrl,
  },
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: {
    group: 'Traces',
    default: null,
    defaultText: 'from OTEL_EXPORTER_OTLP_ENDPOINT',
    description: 'the whole URL that spans are posted to',
    parse: parseHttpUrl,
  },
  OTEL_TRACES_SAMPLER: {
    group: 'Traces',
    default: 'parentbased_always_on',
    description: 'which traces are kept; parentbased: as the caller says in traceparent, the rest for requests without',
    parse: choice(
      'always_on',
      'always_off',
      'traceidratio',
      'parentbased_always_on',
      'parentbased_always_off',
      'parentbased_traceidratio',
    ),
  },
  OTEL_TRACES_SAMPLER_ARG: {
    group: 'Traces',
    default: '1',
    description: 'part of the traces that the traceidratio samplers keep, from 0 to 1',
    parse: parseRatio,
  },
  OTEL_SDK_DISABLED: {
    group: 'Traces',
    default: 'false',
    description: 'true: no traces, whatever the endpoint',
    parse: choice('true', 'false'),
  },
} as const satisfies Variables;

function parseHttpUrl(value: string): Parsed<string> {
  const url = URL.parse(value);
  return url && ['http:', 'https:'].includes(url.protocol)
    ? { ok: true, value: url.href }
    : { ok: false, takes: 'an http or https URL such as http://127.0.0.1:4318' };
}

function parseRatio(value: string): Parsed<number> {
  const ratio = /^(\d+(\.\d*)?|\.\d+)$/.test(value) ? Number(value) : Number.NaN;
  return ratio >= 0 && ratio <= 1 ? { ok: true, value: ratio } : { ok: false, takes: 'a number from 0 to 1' };
}
