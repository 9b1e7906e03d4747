// A client that sends its request by drops would hold a connection, a half-written file and the lease of its
// Idempotency-Key for as long as it likes. Node's own limit (requestTimeout) is one on the whole request, and would end
// long uploads that are well under way; so what is measured here is the pace.
import type { IncomingMessage } from 'node:http';

/** How fast a client must send, and take, what it has asked for. */
export interface ClientPace {
  stallTimeoutMs: number;
  /** On the average of `stallTimeoutMs`; 0: only a standstill counts. */
  minBytesPerSecond: number;
}

/**
 * Calls `onSlow`, once, when in `stallTimeoutMs` fewer bytes came in than the pace asks for. Time in which bytes wait for
 * us (a slow disk, say) does not count. Ends by itself when the request is complete or its connection gone.
 */
export function watchBody(
  request: IncomingMessage,
  { stallTimeoutMs, minBytesPerSecond }: ClientPace,
  onSlow: () => void,
): void {
  if (isOver(request)) return;
  const leastBytes = Math.max(1, (minBytesPerSecond * stallTimeoutMs) / 1000);
  let seenBytes = request.socket.bytesRead;
  const look = setInterval(() => {
    if (isOver(request)) return clearInterval(look);
    const { bytesRead } = request.socket;
    const isSlow = bytesRead - seenBytes < leastBytes && request.readableLength === 0;
    seenBytes = bytesRead;
    if (!isSlow) return;
    clearInterval(look);
    onSlow();
  }, stallTimeoutMs).unref();
  request.once('close', () => clearInterval(look));
}

/** Whether nothing more of the request can come. */
export function isOver({ headers, complete, readableEnded, destroyed }: IncomingMessage): boolean {
  const hasBody = headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
  return !hasBody || complete || readableEnded || destroyed;
}
