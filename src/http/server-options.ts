// What Fastify itself must be constructed with, so that answers it would give by itself are ours as well.
import type { Server } from 'node:http';
import { type FastifyHttpOptions, LogController } from 'fastify';
import type { Config } from '../config.ts';
import { answerClientError } from './answer-client-error.ts';
import { requestId } from './request-id.ts';
import { sendProblem } from './send-problem.ts';

/** Longer than any URL that passes the limit on headers (16 KiB): an id of any length is a job that is not there. */
const maxParamLength = 20_000;

const serverOptions = {
  genReqId: requestId,
  // The same name in the log as in problems.
  logController: new LogController({ requestIdLogLabel: 'request_id' }),
  frameworkErrors: (error, request, reply) => void sendProblem(error, request, reply),
  clientErrorHandler: answerClientError,
  // Node answers 400 without a body; plugins/problem-details.ts does it with one.
  http: { requireHostHeader: false },
  // As above, for requests that arrive while the service stops.
  return503OnClosing: false,
  routerOptions: { maxParamLength },
  ajv: {
    customOptions: {
      // The schemas are the same at every start; that they are valid is a test's to say (test/openapi/document.test.ts).
      // Ajv would compile the schema of schemas first, in every process.
      validateSchema: false,
      meta: false,
      // Ajv would go over the code that it writes to shorten it: 20 ms of a start, for requests that are checked in microseconds.
      code: { optimize: false },
      // Fastify's default removes what a schema does not know; here it is refused.
      removeAdditional: false,
      // Fastify's default also makes lists of single values, and the other way round.
      coerceTypes: true,
      // For explain-validation.ts.
      verbose: true,
    },
  },
} satisfies FastifyHttpOptions<Server>;

/** Beside these come the logger's options. */
export function serverOptionsOf({ http: { trustedProxies } }: Config): FastifyHttpOptions<Server> {
  // It settles request.ip alone. Fastify would take request.host from a proxy's headers as well: what decides whether a
  // request is local (plugins/auth.ts) looks at the Host header itself.
  return { ...serverOptions, trustProxy: trustedProxies.length > 0 && [...trustedProxies] };
}
