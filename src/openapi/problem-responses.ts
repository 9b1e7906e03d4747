// The problem responses of an operation: by status, each naming the codes that it can have there.

import { problemMediaType } from '../http/problem-response.ts';
import { type ProblemCode, problems } from '../problems.ts';
import type { ResponseHeader } from './response-headers.ts';
import type { ResponseDocs } from './route-docs.ts';

const headersOf: Readonly<Record<number, readonly ResponseHeader[]>> = {
  401: ['WWW-Authenticate'],
  403: ['WWW-Authenticate'],
  409: ['Retry-After'],
  416: ['Content-Range', 'ETag', 'Accept-Ranges'],
  429: ['Retry-After'],
  503: ['Retry-After'],
};

/** The body of every problem (RFC 9457). */
export const problemSchema = {
  title: 'Problem',
  type: 'object',
  required: ['type', 'title', 'status', 'detail', 'code', 'error', 'request_id'],
  properties: {
    type: { type: 'string', format: 'uri-reference', description: 'Where the code is explained.' },
    title: { type: 'string', description: 'The same for every problem of this code.' },
    status: { type: 'integer', minimum: 400, maximum: 599 },
    detail: { type: 'string', description: 'What is wrong, and what would be right.' },
    code: { type: 'string', enum: Object.keys(problems), description: 'Stable; for programs.' },
    error: { type: 'string', description: 'Repeats `detail`.' },
    request_id: { type: 'string', description: 'As in `X-Request-Id`.' },
    field: { type: 'string', description: 'What is wrong: a parameter, form field or property.' },
    in: { enum: ['query', 'path', 'headers', 'body'], description: 'Where that is.' },
  },
  additionalProperties: true,
} as const;

export interface RouteTraits {
  method: string;
  scope: string;
  /** Whether its requests are counted. */
  limited: boolean;
}

/** What any route of its kind can be answered with. */
export function commonProblems({ method, scope, limited }: RouteTraits): ProblemCode[] {
  return [
    'malformed_request',
    'not_local',
    'internal_error',
    'too_busy',
    ...(limited ? (['too_many_requests'] as const) : []),
    ...(scope === 'public' ? [] : (['unauthorized', 'forbidden', 'database_unavailable'] as const)),
    ...(method === 'POST' ? (['request_timeout', 'body_too_large', 'unsupported_media_type'] as const) : []),
    ...(scope === 'write' ? (['storage_full'] as const) : []),
  ];
}

/** Status → response. */
export function problemResponses(codes: Iterable<ProblemCode>): Record<number, ResponseDocs> {
  const byStatus = new Map<number, ProblemCode[]>();
  for (const code of new Set(codes)) {
    const [status] = problems[code];
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  return Object.fromEntries([...byStatus].map(([status, codes]) => [status, problemResponse(status, codes.sort())]));
}

function problemResponse(status: number, codes: readonly ProblemCode[]): ResponseDocs {
  return {
    description: codes.map((code) => `\`${code}\`: ${problems[code][1]}.`).join(' '),
    headers: headersOf[status] ?? [],
    content: { [problemMediaType]: { allOf: [problemSchema, { properties: { code: { enum: codes } } }] } },
  };
}
