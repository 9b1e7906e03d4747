// The two ways in which a request can fail: the service answers with a problem (RFC 9457), or there is no whole answer.
import type { ProblemCode } from '../problems.ts';

/** Codes that the service documents; an answer of something in between, such as a proxy, is `http_<status>`. */
export type BulkProblemCode = ProblemCode | `http_${number}`;

/** The service refused the request, or could not do what was asked. */
export class BulkProblem extends Error {
  /** Stable: see the README's table of problem codes. */
  readonly code: BulkProblemCode;
  readonly status: number;
  /** What is wrong and what would be right; also the message. */
  readonly detail: string;
  /** Finds the request in the service's log. */
  readonly request_id: string | null;
  /** Seconds after which the service asks to be tried again; null when it does not. */
  readonly retryAfter: number | null;
  /** Further members of the answer, such as the `field` that is wrong. */
  readonly members: Readonly<Record<string, unknown>>;

  constructor(status: number, headers: Headers, body: Readonly<Record<string, unknown>>) {
    const { code, detail, request_id, ...members } = body;
    const text = typeof detail === 'string' ? detail : `the answer is ${status}`;
    super(text);
    this.name = 'BulkProblem';
    this.status = status;
    this.code = typeof code === 'string' ? (code as ProblemCode) : `http_${status}`;
    this.detail = text;
    this.request_id = typeof request_id === 'string' ? request_id : headers.get('x-request-id');
    this.retryAfter = secondsUntil(headers.get('retry-after') ?? '');
    this.members = members;
  }

  /** @returns the problem of an answer that is not of the 2xx, whatever its body is. */
  static async of(response: Response): Promise<BulkProblem> {
    let body: unknown = null;
    try {
      body = JSON.parse(await response.text());
    } catch {
      // A proxy's page, or an answer that broke off: the status says what there is to say.
    }
    const members = typeof body === 'object' && body !== null ? (body as Record<string, unknown>) : {};
    return new BulkProblem(response.status, response.headers, members);
  }
}

/** No answer, or one that broke off: the service is away, or the network is. */
export class BulkConnectionError extends Error {
  /** Of the operating system (`ECONNREFUSED`, `ECONNRESET`, …), where it is known. */
  readonly code: string | null;

  constructor(what: string, cause: unknown) {
    const { code, reason } = explain(cause);
    super(`${what}: ${reason}`, { cause });
    this.name = 'BulkConnectionError';
    this.code = code;
  }
}

/** The bytes that were received, or written, are not those that the service stored. */
export class BulkChecksumError extends Error {
  constructor(expected: string | number, received: string | number, what = 'SHA-256') {
    super(`the downloaded file is damaged: its ${what} is ${received}, should be ${expected}`);
    this.name = 'BulkChecksumError';
  }
}

/** Whether the same request may go well a little later: nobody answered, or somebody in between did. */
export function isPassing(error: unknown): boolean {
  if (error instanceof BulkConnectionError) return true;
  return error instanceof BulkProblem && [429, 502, 503, 504].includes(error.status);
}

/** fetch hides what happened in `cause`, and an attempt at several addresses in `errors` below that. */
function explain(error: unknown): { code: string | null; reason: string } {
  const seen: unknown[] = [];
  for (let at: unknown = error; at instanceof Error && !seen.includes(at); ) {
    seen.push(at);
    at = at instanceof AggregateError ? at.errors[0] : at.cause;
  }
  const innermost = seen.at(-1) as (Error & { code?: unknown }) | undefined;
  const code = typeof innermost?.code === 'string' ? innermost.code : null;
  return { code, reason: innermost?.message || code || 'the connection was lost' };
}

/** Retry-After is a number of seconds, or, from what is in between, a date (RFC 9110, 10.2.3). */
function secondsUntil(retryAfter: string): number | null {
  if (/^\d+$/.test(retryAfter)) return Number(retryAfter);
  const atMs = Date.parse(retryAfter);
  return Number.isNaN(atMs) ? null : Math.max((atMs - Date.now()) / 1000, 0);
}
