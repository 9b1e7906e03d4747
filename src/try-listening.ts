import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * Listens for a moment: a port that is taken shows before a database is started, migrated and its jobs are fetched, and
 * not after. Another program may still take it until the service listens; then that fails in the same way.
 * @throws the system's error (EADDRINUSE, EACCES, EADDRNOTAVAIL …).
 */
export async function tryListening({ host, port }: { host: string; port: number }): Promise<void> {
  const server = createServer().listen({ host, port });
  await once(server, 'listening');
  server.close();
  await once(server, 'close');
}
