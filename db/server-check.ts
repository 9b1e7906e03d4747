import { type Connection, openPool } from './client.ts';

const oldestVersion = 15;

/**
 * Connects once, so that a start fails early and with the server's own words.
 * @returns the connection with `ssl: 'prefer'` settled, which only one of the two drivers knows.
 * @throws the driver's error when the server cannot be reached; a plain one when it is too old.
 */
export async function checkServer(connection: Connection): Promise<Connection> {
  const sql = openPool(connection, { max: 1, name: 'bulk start' });
  try {
    const [row] = await sql<{ version: number; tls: boolean }[]>`
      SELECT current_setting('server_version_num')::int AS version,
        coalesce((SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()), false) AS tls`;
    const major = Math.floor((row?.version ?? 0) / 10_000);
    if (major < oldestVersion)
      throw new Error(`PostgreSQL ${major} is too old: version ${oldestVersion} or newer is needed`);
    return connection.ssl === 'prefer'
      ? { ...connection, ssl: row?.tls ? { rejectUnauthorized: false } : false }
      : connection;
  } finally {
    await sql.end();
  }
}
