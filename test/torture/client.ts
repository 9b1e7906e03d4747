// A client as the README wants it: it sends again what was not answered, with the same Idempotency-Key, to any of the
// processes. What no client should ever be told is written down as a finding.
import { setTimeout as pause } from 'node:timers/promises';
import type { Random } from '../../testdata/random.ts';

export interface Answer {
  status: number;
  headers: Headers;
  text: string;
}

export interface ClientOptions {
  random: Random;
  /** Where the processes listen at the moment. */
  addresses(): string[];
  /** As if the time had passed after which the Idempotency-Key of a dead process is free again. */
  lapseLeases(): Promise<void>;
  findings: string[];
}

/** A process may be frozen: then another one is asked. */
const timeoutMs = 5_000;

export class Client {
  /** Posts that a process took, at least in part, and did not answer. */
  brokenPosts = 0;
  readonly #options: ClientOptions;

  constructor(options: ClientOptions) {
    this.#options = options;
  }

  /** Any of the processes; undefined while there is none. */
  address(): string | undefined {
    const { addresses, random } = this.#options;
    const all = addresses();
    return all.length === 0 ? undefined : random.pick(all);
  }

  report(finding: string): void {
    this.#options.findings.push(finding);
  }

  /** Asks one process, once. null: there was no answer. */
  async ask(path: string, init: RequestInit = {}): Promise<Answer | null> {
    const address = this.address();
    if (address === undefined) return null;
    try {
      const response = await fetch(`${address}${path}`, { ...init, signal: AbortSignal.timeout(timeoutMs) });
      const answer = { status: response.status, headers: response.headers, text: await response.text() };
      this.#judge(`${init.method ?? 'GET'} ${path}`, answer);
      return answer;
    } catch (error) {
      // Refused, reset, timed out: that is what this is all about.
      const { cause } = error as { cause?: { code?: string } };
      if (init.method === 'POST' && cause?.code !== 'ECONNREFUSED') this.brokenPosts++;
      return null;
    }
  }

  #judge(asked: string, { status, headers, text }: Answer): void {
    if (
      (status >= 500 && status !== 503) ||
      (status >= 400 && !/^application\/problem\+json/.test(headers.get('content-type') ?? ''))
    )
      this.report(`${asked} was answered ${status} ${text}`);
    if ((status === 503 || status === 429) && !path503.test(asked) && !headers.has('retry-after'))
      this.report(`${asked} was answered ${status} without Retry-After`);
  }

  /** Posts until a job was made. @returns its id. */
  async makeJob(path: string, key: string, init: () => RequestInit, signal: AbortSignal): Promise<string> {
    for (;;) {
      signal.throwIfAborted();
      const { headers, ...rest } = init();
      const answer = await this.ask(path, { ...rest, method: 'POST', headers: { ...headers, 'idempotency-key': key } });
      if (answer && (answer.status === 202 || answer.status === 200)) return JSON.parse(answer.text).job_id;
      if (answer?.status === 409 && JSON.parse(answer.text).code === 'idempotency_key_in_use') {
        await this.#options.lapseLeases();
      } else if (answer && answer.status !== 503 && answer.status !== 429) {
        throw new Error(`POST ${path} was answered ${answer.status} ${answer.text}`);
      }
      await pause(20);
    }
  }

  async json<T>(path: string, signal: AbortSignal): Promise<T> {
    for (;;) {
      signal.throwIfAborted();
      const answer = await this.ask(path);
      if (answer?.status === 200) return JSON.parse(answer.text);
      if (answer && answer.status !== 503) throw new Error(`GET ${path} was answered ${answer.status} ${answer.text}`);
      await pause(20);
    }
  }
}

/** What 503 says here is the answer itself. */
const path503 = /^GET \/health/;
