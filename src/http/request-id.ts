import { randomUUID } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

/** Short, and of characters that mean nothing to a header, a log line, a shell or a page. */
const plain = /^[\w.:=+/-]{1,128}$/;

/** The caller's own `x-request-id`, so that its logs and ours can be joined, or else a new one. */
export function requestId({ headers }: { headers: IncomingHttpHeaders }): string {
  const given = headers['x-request-id'];
  return typeof given === 'string' && plain.test(given) ? given : randomUUID();
}
