// Every response has an x-request-id, and every error is a problem (RFC 9457), also those that Fastify or Node would
// answer by themselves: unknown URLs, malformed requests, requests that arrive while the service stops. Which error means
// which problem is decided in src/http/to-problem.ts.
import type { FastifyInstance, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import { allowedMethods } from '../src/http/allowed-methods.ts';
import { explainCode } from '../src/http/problem-response.ts';
import { sendProblem } from '../src/http/send-problem.ts';
import { type Problem, problem } from '../src/problems.ts';
import { ProblemCodeSchema, ProblemParams, serviceDocs } from '../src/service-docs.ts';

const explanation = {
  config: { scope: 'public', docs: serviceDocs.problem },
  schema: { params: ProblemParams, response: { 200: ProblemCodeSchema } },
} as const;

export default fp(
  async (app) => {
    let stopping = false;
    app.addHook('preClose', async () => void (stopping = true));

    app.addHook('onRequest', async (request, reply) => {
      reply.header('x-request-id', request.id);
      if (stopping) {
        throw problem(
          'too_busy',
          'the service is stopping; try again',
          {},
          { 'retry-after': '5', connection: 'close' },
        );
      }
      checkHost(request);
    });
    // Before the body is parsed: a wrong URL matters more than a wrong body.
    app.addHook('preParsing', async (request) => {
      if (request.is404) throw refuseUrl(app, request);
    });
    app.setNotFoundHandler((request) => {
      throw refuseUrl(app, request);
    });
    app.setErrorHandler(sendProblem);

    // An Expect header other than 100-continue may be ignored (RFC 9110, 10.1.1); Node answers 417 without a body.
    app.server.on('checkExpectation', app.routing);

    app.get<{ Params: { code: string } }>('/problems/:code', explanation, async ({ params }) => {
      const explained = explainCode(params.code);
      if (!explained) throw problem('not_found', 'there is no problem with this code');
      return explained;
    });
  },
  { name: 'problem-details' },
);

/** RFC 9112, 3.2: HTTP/1.1 wants exactly one Host. @throws Problem malformed_request. */
function checkHost({ raw: { httpVersion, rawHeaders } }: FastifyRequest): void {
  const hosts = rawHeaders.filter((name, index) => index % 2 === 0 && name.toLowerCase() === 'host').length;
  if (hosts > 1 || (hosts === 0 && httpVersion === '1.1')) {
    throw problem('malformed_request', 'the request must have exactly one Host header');
  }
}

function refuseUrl(app: FastifyInstance, { method, url }: FastifyRequest): Problem {
  const methods = allowedMethods(app, url);
  // A route of files that has none of this name is there, but nothing at its URL.
  if (methods.length === 0 || methods.includes(method)) return problem('not_found', 'there is nothing at this URL');
  const allowed = methods.join(', ');
  return problem('method_not_allowed', `${method} is not served here, only ${allowed}`, {}, { allow: allowed });
}
