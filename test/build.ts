// The service as tests use it: the real app on a database of the test's own, its files in a folder of the test's own.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import type { Test } from 'tap';
import { buildApp } from '../src/app.ts';
import { loadConfig } from '../src/config.ts';
import { createDatabase } from './databases.ts';
import { environment } from './environment.ts';
import { undocumentedResponses } from './watch-responses.ts';

export { environment };

/** A folder of the test's own; deleted when it ends. */
export async function temporaryFolder(test: Pick<Test, 'after'>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'bulk-test-'));
  test.after(async () => await rm(folder, { recursive: true, force: true, maxRetries: 5 }));
  return folder;
}

/**
 * Builds the app; closed when the test ends. Requests go through `app.inject()`, or after `app.listen({ port: 0 })`
 * over a socket. Fails the test when a response was not as the OpenAPI document says.
 * @param env variables over those of `environment()`.
 */
export async function build(test: Pick<Test, 'after'>, env: Record<string, string> = {}): Promise<FastifyInstance> {
  const folder = await temporaryFolder(test);
  const connection = await createDatabase(test);
  const app = await buildApp(loadConfig({ ...environment(connection, folder), ...env }));
  test.after(async () => {
    await app.close();
    const faults = undocumentedResponses(app);
    if (faults.length > 0) throw new Error(`not as documented:\n${faults.join('\n')}`);
  });
  return app;
}
