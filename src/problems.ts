// Every error that a request can be answered with (RFC 9457): its stable code, its status, its title. Codes are part of
// the API: they are listed in the README and never change their meaning.

/** Code → status and title. */
export const problems = {
  malformed_request: [400, 'Malformed request'],
  resource_required: [400, 'Resource required'],
  unknown_resource: [400, 'Unknown resource'],
  file_required: [400, 'File required'],
  unsupported_file_type: [400, 'Unsupported file type'],
  unknown_format: [400, 'Unknown format'],
  unknown_field: [400, 'Unknown field'],
  unknown_option: [400, 'Unknown option'],
  invalid_option: [400, 'Invalid option'],
  invalid_filter: [400, 'Invalid filter'],
  invalid_parameter: [400, 'Invalid parameter'],
  invalid_idempotency_key: [400, 'Invalid Idempotency-Key'],
  remote_files_off: [400, 'Imports from a URL are off'],
  file_url_refused: [400, 'File URL refused'],
  unauthorized: [401, 'API key required'],
  forbidden: [403, 'Not allowed'],
  not_local: [403, 'Only local requests are served'],
  not_found: [404, 'Not found'],
  job_not_found: [404, 'Job not found'],
  method_not_allowed: [405, 'Method not allowed'],
  request_timeout: [408, 'Request timed out'],
  job_ended: [409, 'Job has ended'],
  file_unreadable: [409, 'File cannot be read'],
  export_not_ready: [409, 'Export not ready'],
  idempotency_key_in_use: [409, 'Idempotency-Key in use'],
  export_expired: [410, 'Export expired'],
  upload_gone: [410, 'Upload gone'],
  file_too_large: [413, 'File too large'],
  body_too_large: [413, 'Body too large'],
  too_many_parts: [413, 'Too many form parts'],
  unsupported_media_type: [415, 'Unsupported media type'],
  range_not_satisfiable: [416, 'Range not satisfiable'],
  file_url_failed: [422, 'File could not be fetched'],
  idempotency_key_reused: [422, 'Idempotency-Key reused'],
  too_many_jobs: [429, 'Too many jobs'],
  too_many_requests: [429, 'Too many requests'],
  too_many_streams: [429, 'Too many event streams'],
  storage_quota: [429, 'Storage quota used up'],
  headers_too_large: [431, 'Headers too large'],
  internal_error: [500, 'Internal error'],
  too_busy: [503, 'Service too busy'],
  database_unavailable: [503, 'Database unavailable'],
  storage_full: [507, 'Storage full'],
} as const satisfies Record<string, readonly [status: number, title: string]>;

export type ProblemCode = keyof typeof problems;

type Members = Readonly<Record<string, unknown>>;
type Headers = Readonly<Record<string, string>>;

/** Thrown by whatever handles a request; plugins/problem-details.ts makes the response of it. */
export class Problem extends Error {
  readonly code: ProblemCode;
  /** Further members of the response, such as the `field` that is wrong. */
  readonly members: Members;
  /** Headers that belong to the answer, in lower case, such as `retry-after`. */
  readonly headers: Headers;

  constructor(code: ProblemCode, detail: string, members: Members = {}, headers: Headers = {}) {
    super(detail);
    this.name = 'Problem';
    this.code = code;
    this.members = members;
    this.headers = headers;
  }

  get status(): number {
    return problems[this.code][0];
  }

  get title(): string {
    return problems[this.code][1];
  }
}

/**
 * @param detail what is wrong and what would be right, for the client's eyes.
 * @param headers for example `{ 'retry-after': '5' }` (seconds).
 */
export function problem(code: ProblemCode, detail: string, members?: Members, headers?: Headers): Problem {
  return new Problem(code, detail, members, headers);
}
