import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * Listens for a moment: a port that is taken shows before a database is started, migrated and its jobs are fetched, and
 * not after. Another program may still take it until the service listens; then that fails in the same way.
 * @returns the address to listen on. For `localhost` one alone, of IPv4 where there is that: Fastify would open a second
 *   server for the other one, which is not waited for at a stop and knows nothing of what was set on the first.
 * @throws the system's error (EADDRINUSE, EACCES, EADDRNOTAVAIL …).
 */
export async function tryListening({ host, port }: { host: string; port: number }): Promise<string> {
  if (host !== 'localhost') return await listenBriefly(host, port);
  try {
    return await listenBriefly('127.0.0.1', port);
  } catch (error) {
    if (!withoutIPv4.has((error as NodeJS.ErrnoException).code)) throw error;
    return await listenBriefly('::1', port);
  }
}

const withoutIPv4 = new Set<unknown>(['EADDRNOTAVAIL', 'EAFNOSUPPORT']);

async function listenBriefly(host: string, port: number): Promise<string> {
  const server = createServer().listen({ host, port });
  await once(server, 'listening');
  server.close();
  await once(server, 'close');
  return host;
}
