// A process that starts the embedded PostgreSQL in the folder given, prints where it is, and stops it on SIGTERM.
import { startEmbeddedPostgres } from '../../db/embedded-postgres.ts';

try {
  const server = await startEmbeddedPostgres({ dataDir: process.argv[2]!, schema: 'public' });
  process.stdout.write(`${JSON.stringify(server.connection)}\n`);
  const alive = setInterval(() => {}, 60_000);
  process.once('SIGTERM', async () => {
    await server.stop();
    clearInterval(alive);
  });
} catch (error) {
  process.stdout.write(`${JSON.stringify({ failure: error })}\n`);
  process.exitCode = 1;
}
