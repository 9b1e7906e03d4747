import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Problem } from '../problems.ts';
import { problemBody, problemMediaType } from './problem-response.ts';
import { securityHeaders } from './security-headers.ts';
import { toProblem } from './to-problem.ts';

/** Headers that a handler may have set for the file it then could not send. */
const headersOfContent = [
  'accept-ranges',
  'content-disposition',
  'content-encoding',
  'content-range',
  'etag',
  'last-modified',
] as const;

/** Answers a request with the problem that an error means; whatever is not the client's doing is logged. */
export function sendProblem(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const answer = toProblem(error, { contentType: request.headers['content-type'] });
  log(answer, error, request);
  // A range that cannot be satisfied is told with a Content-Range.
  for (const name of headersOfContent) if (answer.status !== 416) reply.removeHeader(name);
  return reply
    .code(answer.status)
    .headers({ ...securityHeaders, 'x-request-id': request.id, ...answer.headers })
    .type(problemMediaType)
    .send(problemBody(answer, request.id));
}

function log(answer: Problem, error: unknown, request: FastifyRequest): void {
  const { code, status, message: detail } = answer;
  const { destroyed, complete } = request.raw;
  // What fails for want of the rest of an upload fails in many ways, none of them ours.
  if (destroyed && complete === false) request.log.info('The client went away before its request was complete');
  else if (status < 500) request.log.debug({ code, detail }, 'Request refused');
  else if (error === answer) request.log.warn({ code, detail }, 'Request turned away');
  else request.log.error({ code, err: error }, 'Request failed');
}
