// A collector as small as can be: takes OTLP/HTTP in JSON (https://opentelemetry.io/docs/specs/otlp/) and keeps the spans.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import type { Test } from 'tap';

export interface ReceivedSpan {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  name: string;
  /** 2 server, 5 consumer, 1 internal. */
  kind: number;
  startTimeUnixNano: string;
  endTimeUnixNano: string;
  /** 2: error. */
  status: { code: number };
  attributes: Record<string, unknown>;
  /** Attributes of the process that sent it. */
  resource: Record<string, unknown>;
}

interface KeyValue {
  key: string;
  value: Record<string, unknown>;
}

type RawSpan = Omit<ReceivedSpan, 'attributes' | 'resource'> & { attributes: KeyValue[] };

interface TracesRequest {
  resourceSpans: { resource: { attributes: KeyValue[] }; scopeSpans: { spans: RawSpan[] }[] }[];
}

export interface OtlpReceiver {
  url: string;
  spans: ReceivedSpan[];
  /** Paths and header lines of what was posted. */
  posts: { path: string; headers: Record<string, unknown> }[];
}

export async function receiveSpans(test: Pick<Test, 'after'>): Promise<OtlpReceiver> {
  const received: OtlpReceiver = { url: '', spans: [], posts: [] };
  const server = createServer(async (request, response) => {
    received.posts.push({ path: request.url ?? '', headers: request.headers });
    received.spans.push(...spansOf((await json(request)) as TracesRequest));
    response.setHeader('content-type', 'application/json').end('{}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  test.after(() => {
    server.closeAllConnections();
    server.close();
  });
  received.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return received;
}

function spansOf({ resourceSpans }: TracesRequest): ReceivedSpan[] {
  return resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ spans }) =>
      spans.map((span) => ({
        ...span,
        attributes: valuesOf(span.attributes),
        resource: valuesOf(resource.attributes),
      })),
    ),
  );
}

function valuesOf(attributes: KeyValue[]): Record<string, unknown> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]));
}
