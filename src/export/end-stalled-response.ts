// A client that keeps its connection and reads nothing would hold a database connection, and the snapshot that keeps
// dead rows from being vacuumed, for as long as it likes.
import type { ServerResponse } from 'node:http';

/**
 * Destroys the response once its client has taken not a byte for `timeoutMs` while bytes were waiting for it. (Node
 * counts a write that makes progress as activity.) Time in which the database produces nothing does not count.
 */
export function endStalledResponse(response: ServerResponse, timeoutMs: number): void {
  response.setTimeout(timeoutMs, () => {
    if ((response.socket?.writableLength ?? 0) > 0) response.destroy(new Error('the client stopped reading'));
    else response.socket?.setTimeout(timeoutMs);
  });
}
