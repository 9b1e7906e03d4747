// More than the service takes: imports beyond MAX_UNFINISHED_JOBS at once, and clients that open exports and do not read
// them. What there is no room for is turned away with 429 or 503 and Retry-After, and with nothing else.
import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';

export interface Saturation {
  /** Answers by status. */
  imports: Record<string, number>;
  exports: Record<string, number>;
  /** What should not have been: other answers, missing headers, none within half a minute. */
  faults: string[];
}

export interface SaturateOptions {
  url: string;
  imports: number;
  /** That are opened at once and not read. */
  exports: number;
  /** CSV of users. */
  content: Blob;
  /** How long the exports are held open. */
  holdMs: number;
}

const answerWithinMs = 30_000;

export async function saturate({ url, imports, exports, content, holdMs }: SaturateOptions): Promise<Saturation> {
  const outcome: Saturation = { imports: {}, exports: {}, faults: [] };
  const note = (what: 'imports' | 'exports', status: number, retryAfter: string | null | undefined) => {
    outcome[what][status] = (outcome[what][status] ?? 0) + 1;
    if (status < 300) return;
    if (status !== 429 && status !== 503) outcome.faults.push(`one of the ${what} was answered ${status}`);
    else if (!retryAfter) outcome.faults.push(`one of the ${what} was answered ${status} without Retry-After`);
  };

  async function post(): Promise<void> {
    const body = new FormData();
    body.set('resource', 'users');
    body.set('file', content, 'users.csv');
    const signal = AbortSignal.timeout(answerWithinMs);
    const response = await fetch(`${url}/v1/imports`, { method: 'POST', body, signal });
    await response.arrayBuffer();
    note('imports', response.status, response.headers.get('retry-after'));
  }

  async function openAndWait(): Promise<void> {
    const request = get(`${url}/v1/exports?resource=users`, { agent: false });
    try {
      const signal = AbortSignal.timeout(answerWithinMs);
      const [response] = (await once(request, 'response', { signal })) as [IncomingMessage];
      response.on('error', () => {
        // It is broken off below.
      });
      note('exports', response.statusCode ?? 0, response.headers['retry-after']);
      if (response.statusCode === 200) await wait(holdMs);
    } finally {
      request.on('error', () => {
        // As it is broken off here.
      });
      request.destroy();
    }
  }

  const work = [...Array.from({ length: imports }, post), ...Array.from({ length: exports }, openAndWait)];
  for (const settled of await Promise.allSettled(work)) {
    if (settled.status === 'rejected') outcome.faults.push(`no answer: ${(settled.reason as Error).message}`);
  }
  return outcome;
}

/** Waits until no job is left. @returns what is left when the time is up. */
export async function settle(url: string, withinMs: number): Promise<string[]> {
  const giveUpAt = performance.now() + withinMs;
  for (;;) {
    const unfinished = await Promise.all(
      ['imports', 'exports'].flatMap((type) =>
        ['pending', 'processing'].map(async (status) =>
          (await isAny(`${url}/v1/${type}?status=${status}&limit=1`, type)) ? [`${type} are ${status}`] : [],
        ),
      ),
    );
    const left = unfinished.flat();
    if (left.length === 0) return [];
    if (performance.now() > giveUpAt) return left;
    await wait(100);
  }
}

async function isAny(url: string, type: string): Promise<boolean> {
  const response = await fetch(url, { signal: AbortSignal.timeout(answerWithinMs) });
  const body = (await response.json()) as Record<string, unknown[]>;
  // A service that is still too busy to say has jobs left.
  return !response.ok || (body[type]?.length ?? 0) > 0;
}
