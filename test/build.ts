// The service as tests use it: the real app on a database of the test's own, its files in a folder of the test's own.

import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { FastifyInstance } from 'fastify';
import type { Test } from 'tap';
import { openPool } from '../db/client.ts';
import { buildApp } from '../src/app.ts';
import { loadConfig } from '../src/config.ts';
import { createDatabase } from './databases.ts';
import { environment } from './environment.ts';
import { temporaryFolder } from './temporary-folder.ts';
import { takeFaults } from './watch-responses.ts';

/**
 * Builds the app; closed when the test ends. Requests go through `app.inject()`, or after `app.listen({ port: 0 })`
 * over a socket. Fails the test when a response was not as the OpenAPI document says.
 * @param env variables over those of `environment()`.
 */
export async function build(test: Pick<Test, 'after'>, env: Record<string, string> = {}): Promise<FastifyInstance> {
  const folder = await temporaryFolder(test);
  const connection = await createDatabase(test);
  const app = await buildApp(loadConfig({ ...environment(connection, folder), ...env }));
  test.after(async () => await close(app));
  return app;
}

/** @throws when a response of the app was not as documented. */
async function close(app: FastifyInstance): Promise<void> {
  await app.close();
  const faults = takeFaults(app);
  if (faults.length > 0) throw new Error(`not as documented:\n${faults.join('\n')}`);
}

/** @returns one of the shared apps, with these variables over those of `environment()`; nothing is there yet. */
export type FreshApp = (env?: Record<string, string>) => Promise<FastifyInstance>;

/**
 * Apps for all tests of a file, since to start one takes longer than most tests: services on one database and the same
 * folders. Whichever is free runs a job; chunks are cut as the app says that accepted it. Before a test gets one, all that
 * earlier tests left is taken away, once their jobs have ended. The file fails as with `build()`.
 * @param root tap itself. What is open would keep it from ending: the file must end with `t.end()`.
 */
export async function shareApps(root: Pick<Test, 'after'>): Promise<FreshApp> {
  const folder = await temporaryFolder(root);
  const connection = await createDatabase(root);
  const sql = openPool(connection, { max: 1, name: 'test' });
  const apps = new Map<string, FastifyInstance>();
  root.after(async () => {
    await sql.end();
    await Promise.all([...apps.values()].map(close));
  });

  const busy = async () =>
    [...apps.values()].some(({ queue }) => queue.running > 0) ||
    (await sql`SELECT FROM bulk.jobs WHERE status IN ('pending', 'processing')`).length > 0;

  async function empty({ config }: FastifyInstance): Promise<void> {
    while (await busy()) await pause(10);
    await sql`TRUNCATE users, articles, comments, bulk.jobs, bulk.chunks, bulk.row_errors, bulk.idempotency_keys`;
    for (const kept of [config.uploadDir, config.exportDir]) {
      for (const file of await readdir(kept)) await rm(join(kept, file), { force: true });
    }
  }

  return async (env = {}) => {
    const name = JSON.stringify(env);
    const app = apps.get(name) ?? (await buildApp(loadConfig({ ...environment(connection, folder), ...env })));
    apps.set(name, app);
    await empty(app);
    return app;
  };
}
