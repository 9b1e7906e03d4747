// The response headers of the API, described once.

const text = { type: 'string' } as const;

/** Name → OpenAPI header object. */
export const responseHeaders = {
  'X-Request-Id': {
    description: 'Of this request, also in the log: the one that the client sent, or a new one.',
    required: true,
    schema: { type: 'string', pattern: '^[\\w.:=+/-]{1,128}$' },
  },
  'Cache-Control': {
    description: '`no-store`; of the file of an export job `private, no-cache`: to be asked for again by its ETag.',
    required: true,
    schema: { enum: ['no-store', 'private, no-cache'] },
  },
  Vary: { description: 'Request headers that the answer depends on.', schema: text },
  Location: { description: 'Where the job is to be followed.', required: true, schema: { type: 'string' } },
  'Idempotency-Replayed': {
    description: 'The job was made by an earlier request with this Idempotency-Key.',
    required: true,
    schema: { const: 'true' },
  },
  Link: { description: 'The page that follows (RFC 8288): `<…>; rel="next"`.', schema: text },
  'Retry-After': {
    description: 'Seconds after which to try again.',
    schema: { type: 'string', pattern: '^[0-9]+$' },
  },
  RateLimit: {
    description: 'What is left of the policy: `"requests";r=left;t=seconds to the next window`.',
    schema: text,
  },
  'RateLimit-Policy': { description: '`"requests";q=requests;w=seconds of the window`.', schema: text },
  'WWW-Authenticate': { description: 'Bearer, and what is wrong with the key.', schema: text },
  'Content-Encoding': { description: 'When the client accepts gzip.', schema: { const: 'gzip' } },
  'Content-Disposition': { description: 'A name for the file.', schema: text },
  ETag: { description: 'The SHA-256 of the file, a strong validator.', required: true, schema: text },
  'Accept-Ranges': { description: 'Parts can be asked for.', required: true, schema: { const: 'bytes' } },
  'Content-Range': { description: 'Which part, and how long the file is.', required: true, schema: text },
} as const satisfies Record<string, { description: string; required?: true; schema: object }>;

export type ResponseHeader = keyof typeof responseHeaders;

/** Of every answer. */
export const commonHeaders: readonly ResponseHeader[] = ['X-Request-Id', 'Cache-Control', 'Vary'];

/** Of every answer to a request that is counted. */
export const limitHeaders: readonly ResponseHeader[] = ['RateLimit', 'RateLimit-Policy'];
