// Clients of the API's short answers: jobs, lists, health, at a steady rate (autocannon). What each second's requests
// took and were answered is handed out by takeSecond().
import autocannon from 'autocannon';
import { percentile } from '../statistics.ts';

export interface Second {
  requests: number;
  p50_ms: number | null;
  p99_ms: number | null;
  /** Answers other than 2xx, by status. */
  refused: Record<string, number>;
  /** Requests without an answer. */
  failed: number;
}

export interface RequestLoad {
  takeSecond(): Second;
  /** Idempotent. */
  stop(): Promise<void>;
}

export interface RequestOptions {
  url: string;
  perSecond: number;
  /** After which it stops by itself, whatever becomes of its owner. */
  atMostSeconds: number;
  /** Paths to ask for, anew for every request. */
  pickPath(): string;
}

const connections = 10;
/** An answer that takes longer is none. */
const timeoutSeconds = 10;

export function startRequests({ url, perSecond, atMostSeconds, pickPath }: RequestOptions): RequestLoad {
  let latenciesMs: number[] = [];
  let refused: Record<string, number> = {};
  let failed = 0;
  const requests = [{ method: 'GET' as const, setupRequest: (request: object) => ({ ...request, path: pickPath() }) }];
  const ended = Promise.withResolvers<void>();
  const run = autocannon(
    { url, connections, overallRate: perSecond, duration: atMostSeconds, timeout: timeoutSeconds, requests },
    (error) => (error ? ended.reject(error) : ended.resolve()),
  );
  run.on('response', (_client, status, _bytes, responseMs) => {
    latenciesMs.push(responseMs);
    if (status < 200 || status > 299) refused[status] = (refused[status] ?? 0) + 1;
  });
  run.on('reqError', () => failed++);
  return {
    takeSecond() {
      const at = (share: number) => (latenciesMs.length === 0 ? null : percentile(latenciesMs, share));
      const second = { requests: latenciesMs.length, p50_ms: at(0.5), p99_ms: at(0.99), refused, failed };
      [latenciesMs, refused, failed] = [[], {}, 0];
      return second;
    },
    async stop() {
      run.stop();
      await ended.promise;
    },
  };
}
