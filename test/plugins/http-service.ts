// A service of nothing but what a request meets first, with routes of the test's own.
import { Writable } from 'node:stream';
import Fastify, { type FastifyInstance } from 'fastify';
import type { Test } from 'tap';
import auth from '../../plugins/auth.ts';
import cors from '../../plugins/cors.ts';
import identity from '../../plugins/identity.ts';
import problemDetails from '../../plugins/problem-details.ts';
import rateLimit from '../../plugins/rate-limit.ts';
import securityHeaders from '../../plugins/security-headers.ts';
import { loadConfig } from '../../src/config.ts';
import { serverOptionsOf } from '../../src/http/server-options.ts';

export interface HttpService {
  app: FastifyInstance;
  /** What was logged, one parsed line each. */
  logged: Record<string, unknown>[];
}

/** Closed when the test ends. @param extend adds routes, and plugins before them. */
export async function httpService(
  test: Pick<Test, 'after'>,
  env: Record<string, string>,
  extend: (app: FastifyInstance) => void | Promise<void>,
): Promise<HttpService> {
  const logged: Record<string, unknown>[] = [];
  const stream = new Writable({
    write(line, _encoding, done) {
      logged.push(JSON.parse(String(line)));
      done();
    },
  });
  const config = loadConfig(env);
  const app = Fastify({ ...serverOptionsOf(config), logger: { level: 'debug', stream } });
  test.after(async () => await app.close());
  app.decorate('config', config);
  await app.register(securityHeaders);
  await app.register(problemDetails);
  await app.register(cors);
  await app.register(identity);
  await app.register(rateLimit);
  await app.register(auth);
  await extend(app);
  await app.ready();
  return { app, logged };
}
