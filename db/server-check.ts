// Connects once, before anything else does, so that a start fails early, with the server's own words, on a server that
// the service cannot work with.
import { type Connection, openPool } from './client.ts';
import { UnsuitableDatabase } from './unsuitable-database.ts';

const oldestVersion = 15;

/** What a server says of itself. */
export interface ServerFacts {
  /** As in `server_version_num`: 180004 is 18.4. */
  versionNumber: number;
  encoding: string;
  /** A standby, or a database or role set to read only. */
  readOnly: boolean;
  tls: boolean;
}

/**
 * @returns the connection with `ssl: 'prefer'` settled, which only one of the two drivers knows.
 * @throws the driver's error when the server cannot be reached; UnsuitableDatabase.
 */
export async function checkServer(connection: Connection): Promise<Connection> {
  const sql = openPool(connection, { max: 1, name: 'bulk start' });
  try {
    const [facts] = await sql<[ServerFacts]>`
      SELECT current_setting('server_version_num')::int AS "versionNumber",
        current_setting('server_encoding') AS encoding,
        current_setting('transaction_read_only')::bool AS "readOnly",
        coalesce((SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()), false) AS tls`;
    assertSuitable(facts);
    if (connection.ssl !== 'prefer') return connection;
    return { ...connection, ssl: facts.tls ? { rejectUnauthorized: false } : false };
  } finally {
    await sql.end({ timeout: 5 });
  }
}

/** @throws UnsuitableDatabase. */
export function assertSuitable({ versionNumber, encoding, readOnly }: Omit<ServerFacts, 'tls'>): void {
  const major = Math.floor(versionNumber / 10_000);
  if (major < oldestVersion) {
    throw new UnsuitableDatabase(
      `PostgreSQL ${major} is too old`,
      `use PostgreSQL ${oldestVersion} or newer, or unset DATABASE_URL and DB_* for the embedded one`,
    );
  }
  if (encoding !== 'UTF8') {
    throw new UnsuitableDatabase(
      `the database has the encoding ${encoding}, which cannot store every character`,
      'create one with ENCODING UTF8 and name it in DATABASE_URL or DB_NAME',
    );
  }
  if (readOnly) {
    throw new UnsuitableDatabase(
      'the database is read only (a standby, or default_transaction_read_only)',
      'set DATABASE_URL or DB_HOST to the primary',
    );
  }
}
