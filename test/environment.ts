import type { Connection } from '../db/client.ts';

/** The environment that points a service to a test's database and folder. */
export function environment(connection: Connection, dataDir: string): Record<string, string> {
  const { host, port, user, password, database } = connection;
  return {
    DATABASE_URL: `postgres://${user}:${encodeURIComponent(password)}@${host}:${port}/${database}?sslmode=disable`,
    DATA_DIR: dataDir,
    SEED: 'off',
    LOG_LEVEL: 'silent',
    // A machine that runs other tests meanwhile is no reason to refuse requests.
    MAX_EVENT_LOOP_DELAY: '1h',
  };
}
