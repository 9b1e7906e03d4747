// Requests that are not HTTP, or not to the end: Node gives up on them before there is a request or a route, so the
// response is written to the socket by hand.
import { randomUUID } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { type Problem, problem } from '../problems.ts';
import { problemBody, problemMediaType } from './problem-response.ts';
import { securityHeaders } from './security-headers.ts';

interface ClientError extends Error {
  code?: string;
  /** The parser's own words. */
  reason?: string;
}

/** Fastify's `clientErrorHandler`. */
export function answerClientError(this: FastifyInstance, error: ClientError, socket: Socket): void {
  const id = randomUUID();
  // Not the error itself: it holds what was received, API key and all.
  const { code, reason } = error;
  this.log.debug({ code, reason, request_id: id }, 'Request that is not HTTP');
  if (socket.writable && code !== 'ECONNRESET' && !hasBegunResponse(socket)) {
    socket.write(response(explain(error), id));
  }
  socket.destroy(error);
}

function explain({ code }: ClientError): Problem {
  switch (code) {
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return problem('request_timeout', 'the request did not arrive in time');
    case 'HPE_HEADER_OVERFLOW':
      return problem('headers_too_large', 'the headers of the request are too large');
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return problem('body_too_large', 'the chunk extensions of the body are too large');
    default:
      return problem('malformed_request', 'the request is not valid HTTP/1.1');
  }
}

function response(answer: Problem, id: string): string {
  const body = problemBody(answer, id);
  const head = [
    `HTTP/1.1 ${answer.status} ${answer.title}`,
    `Content-Type: ${problemMediaType}; charset=utf-8`,
    `Content-Length: ${Buffer.byteLength(body)}`,
    `X-Request-Id: ${id}`,
    ...Object.entries(securityHeaders).map(([name, value]) => `${name}: ${value}`),
    'Connection: close',
  ];
  return `${head.join('\r\n')}\r\n\r\n${body}`;
}

/** A second answer in the middle of a streamed file would become part of it. Node keeps the response under this name. */
function hasBegunResponse(socket: Socket): boolean {
  return (socket as Socket & { _httpMessage?: ServerResponse | null })._httpMessage?.headersSent ?? false;
}
