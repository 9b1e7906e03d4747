// A client that keeps its connection and reads nothing, or next to nothing, would hold a database connection, and the
// snapshot that keeps dead rows from being vacuumed, or an open file, for as long as it likes.
import type { ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import type { ClientPace } from '../http/watch-body.ts';
import { whenOver } from '../http/when-over.ts';

/** Bytes that are written at once are seen as taken when the last of them is: so much must be taken between two looks. */
const blockBytes = 512 * 1024;
const samplesPerPeriod = 8;

/**
 * Destroys the response once its client has taken not a byte for `stallTimeoutMs` while bytes were waiting for it, or, on
 * the average of that time (of the time that half a megabyte may take, if that is longer), fewer than it must. Time in
 * which the database produces nothing does not count.
 */
export function endStalledResponse(response: ServerResponse, { stallTimeoutMs, minBytesPerSecond }: ClientPace): void {
  // A request that came by no connection has no client to wait for.
  if (!(response.socket instanceof Socket)) return;
  // Node counts a write that makes progress as activity.
  response.setTimeout(stallTimeoutMs, () => {
    if (waitingBytes(response) > 0) response.destroy(new Error('the client stopped reading'));
    else response.socket?.setTimeout(stallTimeoutMs);
  });
  if (minBytesPerSecond > 0) endSlowResponse(response, stallTimeoutMs, minBytesPerSecond);
}

function endSlowResponse(response: ServerResponse, stallTimeoutMs: number, minBytesPerSecond: number): void {
  const periodMs = Math.max(stallTimeoutMs, (blockBytes / minBytesPerSecond) * 1000);
  let since = { at: performance.now(), bytes: takenBytes(response) };
  const look = setInterval(() => {
    const now = { at: performance.now(), bytes: takenBytes(response) };
    const elapsedMs = now.at - since.at;
    if (waitingBytes(response) === 0) since = now;
    else if (elapsedMs >= periodMs) {
      if (now.bytes - since.bytes < (minBytesPerSecond * elapsedMs) / 1000) {
        response.destroy(new Error('the client reads too slowly'));
      }
      since = now;
    }
  }, periodMs / samplesPerPeriod);
  whenOver(response, () => clearInterval(look));
}

function waitingBytes({ socket }: ServerResponse): number {
  return socket?.writableLength ?? 0;
}

function takenBytes({ socket }: ServerResponse): number {
  return socket ? socket.bytesWritten - socket.writableLength : 0;
}
