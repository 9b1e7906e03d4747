// How an export that fails half-way is made unmistakable.
import type { Socket } from 'node:net';

/**
 * Resets the connection instead of closing it. A close is enough where the body is chunked (its last chunk is missing),
 * but to an HTTP/1.0 client, as nginx was towards its upstreams by default for long, it is how a complete body ends.
 */
export function breakConnection(socket: Socket | null): void {
  if (!socket || socket.destroyed) return;
  // Only plain TCP can be reset: not a Unix socket, not TLS, whose missing close_notify tells as much.
  if (socket.remoteFamily && !('encrypted' in socket)) socket.resetAndDestroy();
  else socket.destroy();
}
