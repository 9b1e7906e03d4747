// Requests to the service: the API key, problems as exceptions, and another attempt where the service asks for one
// (429, 503 and 409 with Retry-After) or where the connection was lost and the request may be repeated. What is in an
// answer's body is for the callers.
import { BulkConnectionError, BulkProblem } from './bulk-problem.ts';
import { sourceFailure } from './file-source.ts';
import { pause } from './pause.ts';

export interface HttpOptions {
  /** Where the service is; may have a path, as behind a proxy. */
  baseUrl: string | URL;
  apiKey?: string;
  /** Default: the global one. */
  fetch?: typeof fetch;
  /** How long a request is repeated while the service answers that it is busy. Default 60 seconds; 0: never. */
  retryForMs?: number;
  /** Told when the service is busy and asks to be tried again, and how long it is before that. */
  onBusy?: (problem: BulkProblem, retryInMs: number) => void;
}

export type Query = Readonly<Record<string, string | number | boolean | undefined>>;

export type Body = NonNullable<RequestInit['body']>;

export interface HttpRequest {
  method?: 'GET' | 'HEAD' | 'POST';
  query?: Query | URLSearchParams;
  headers?: Record<string, string>;
  /** Makes the body anew for every attempt. */
  body?: () => Body;
  /** Whether the request may be sent again although it may have arrived. Default: all but POST. */
  repeatable?: boolean;
  /** Whether the body can be made more than once. Default: true. */
  replayable?: boolean;
  retryForMs?: number;
  signal?: AbortSignal;
}

/** Attempts after a lost connection: enough for a service that closes idle ones, too few to wait for one that is away. */
const maxLost = 3;
const lostPauseMs = 100;
/** A service that asks to be tried again at once is asked not much more often than it can answer. */
const leastPauseMs = 100;

export class Http {
  readonly #base: URL;
  readonly #headers: Record<string, string>;
  readonly #fetch: typeof fetch;
  readonly #retryForMs: number;
  readonly #onBusy: HttpOptions['onBusy'];

  /** @throws TypeError when the URL is none, or the key cannot be a header. */
  constructor({ baseUrl, apiKey, fetch: given = globalThis.fetch, retryForMs = 60_000, onBusy }: HttpOptions) {
    // fetch would say so too, with the key in its message.
    if (apiKey !== undefined && !/^[\x21-\x7e]+$/.test(apiKey)) {
      throw new TypeError('the API key has a character that is not printable ASCII');
    }
    this.#base = new URL(baseUrl);
    if (!this.#base.pathname.endsWith('/')) this.#base.pathname += '/';
    this.#headers = apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` };
    this.#fetch = given;
    this.#retryForMs = retryForMs;
    this.#onBusy = onBusy;
  }

  /** @returns the parsed body. @throws BulkProblem, BulkConnectionError; the signal's reason. */
  async json<Answer>(path: string, request?: HttpRequest): Promise<Answer> {
    return await this.parse(await this.send(path, request), request?.signal);
  }

  /** @returns the body of an answer. @throws BulkConnectionError; the signal's reason. */
  async parse<Answer>(response: Response, signal?: AbortSignal): Promise<Answer> {
    try {
      return (await response.json()) as Answer;
    } catch (error) {
      if (signal?.aborted) throw error;
      throw new BulkConnectionError(`the answer of ${this.#base.origin} broke off, or is not the service's`, error);
    }
  }

  /** @returns an answer of the 2xx, its body unread. @throws BulkProblem, BulkConnectionError; the signal's reason. */
  async send(path: string, request: HttpRequest = {}): Promise<Response> {
    const { method = 'GET', repeatable = method !== 'POST', replayable = true, signal } = request;
    const giveUpAt = performance.now() + (request.retryForMs ?? this.#retryForMs);
    for (let lost = 0; ; ) {
      let waitMs: number;
      try {
        return await this.#attempt(path, { ...request, method });
      } catch (error) {
        if (!replayable) throw error;
        if (error instanceof BulkProblem) {
          if (error.retryAfter === null || ![409, 429, 503].includes(error.status)) throw error;
          waitMs = Math.max(error.retryAfter * 1000, leastPauseMs);
          if (performance.now() + waitMs > giveUpAt) throw error;
          this.#onBusy?.(error, waitMs);
        } else {
          const refused = error instanceof BulkConnectionError && error.code === 'ECONNREFUSED';
          if (!(error instanceof BulkConnectionError) || refused || !repeatable || ++lost >= maxLost) throw error;
          waitMs = lostPauseMs * lost;
        }
      }
      await pause(waitMs, signal);
    }
  }

  async #attempt(path: string, { method, query, headers, body, signal }: HttpRequest): Promise<Response> {
    const url = new URL(path.replace(/^\//, ''), this.#base);
    url.search = String(query instanceof URLSearchParams ? query : new URLSearchParams(given(query ?? {})));
    const content = body?.();
    const refused = new AbortController();
    let response: Response;
    try {
      response = await this.#fetch(url, {
        method,
        // A POST that follows a redirect may arrive as a GET: nothing would be sent, and that would go well.
        redirect: method === 'POST' ? 'manual' : 'follow',
        headers: { ...this.#headers, ...headers },
        signal: signal ? AbortSignal.any([signal, refused.signal]) : refused.signal,
        ...(content === undefined ? {} : { body: content, duplex: 'half' as const }),
      });
    } catch (error) {
      if (signal?.aborted) throw error;
      const failed = sourceFailure(error);
      throw failed ? failed.error : new BulkConnectionError(`no answer from ${this.#base.origin}`, error);
    }
    if (response.ok) return response;
    const problem = isRedirect(response) ? redirected(response, url, path) : await BulkProblem.of(response);
    // The service may have refused the head of a long file: the rest of it need not be sent.
    refused.abort();
    throw problem;
  }
}

/** Browsers do not tell more of one that is not followed than that it is one. */
function isRedirect({ type, status, headers }: Response): boolean {
  return type === 'opaqueredirect' || (status >= 300 && status < 400 && headers.has('location'));
}

function redirected({ status, headers }: Response, { href, origin }: URL, path: string): BulkProblem {
  const location = headers.get('location');
  const target = location === null ? null : URL.parse(location, href);
  if (target) target.search = '';
  const base = target?.href.replace(path, '') ?? 'another URL';
  const detail = `${origin} leads elsewhere, where a POST is not sent: give ${base} as the URL (BULK_URL)`;
  return new BulkProblem(status, headers, { detail });
}

function given(query: Query): [string, string][] {
  return Object.entries(query).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]]));
}
