// Requests as bytes on a connection, changed as files are: what comes of them before, or without, a route.
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { buffer } from 'node:stream/consumers';
import fc from 'fast-check';
import { applyChange, change } from './mutated-files.ts';

const form =
  '--X\r\nContent-Disposition: form-data; name="resource"\r\n\r\nusers\r\n--X\r\nContent-Disposition: form-data; name="file"; filename="u.csv"\r\nContent-Type: text/csv\r\n\r\nid,email,name,role,created_at\n1,2,3,4,5\n\r\n--X--\r\n';
const json = '{"resource":"users","format":"csv","filters":{"role":{"in":["admin"]}},"limit":1}';
const withBody = (path: string, type: string, body: string) =>
  `POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: ${type}\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
const chunked = `POST /v1/exports HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n${json.length.toString(16)}\r\n${json}\r\n0\r\n\r\n`;

const requests = [
  'GET /health/live HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n',
  'GET /v1/exports?resource=users&role=admin&limit=1 HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip\r\n\r\n',
  'GET /v1/imports?status=pending&limit=1 HTTP/1.0\r\n\r\nGET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n',
  withBody('/v1/imports', 'multipart/form-data; boundary=X', form),
  withBody('/v1/exports', 'application/json', json),
  chunked,
];

export const rawRequest: fc.Arbitrary<Buffer> = fc
  .tuple(fc.constantFrom(...requests), fc.array(change, { maxLength: 4 }))
  .map(([request, changes]) => changes.reduce(applyChange, Buffer.from(request)));

/** An answer that takes longer is not looked at. */
const silenceMs = 200;

/** Sends the bytes, and no more. @throws AssertionError unless all answers are HTTP and none is a 5xx. */
export async function checkRawRequest({ port, hostname }: URL, bytes: Buffer): Promise<void> {
  const socket = connect(Number(port), hostname);
  // Not ended with the bytes: to whoever has ended, Node gives no answer that it has not got at once.
  socket.setTimeout(silenceMs, () => socket.end());
  socket.write(bytes);
  const answer = (await buffer(socket).catch(resetIsNoAnswer)).toString('latin1');
  for (const [, status] of answer.matchAll(/^HTTP\/1\.1 (\d+) /gm)) assert.ok(Number(status) < 500, answer);
  assert.ok(answer === '' || answer.startsWith('HTTP/1.1 '), answer);
}

function resetIsNoAnswer(error: NodeJS.ErrnoException): Buffer {
  if (error.code === 'ECONNRESET' || error.code === 'EPIPE') return Buffer.alloc(0);
  throw error;
}
