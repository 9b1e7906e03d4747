// The PostgreSQL that both sides of every comparison meet: an embedded one of the bench's own, with the settings that
// the service would give it, or the one that --database-url names.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Connection, openPool, type Sql } from '../db/client.ts';
import { startEmbeddedPostgres } from '../db/embedded-postgres.ts';
import { type Address, parseDatabaseUrl, tlsOptions } from '../src/database-url.ts';
import { cpuSecondsOfFamily } from './proc.ts';

export interface DatabaseServer {
  kind: 'embedded' | 'external';
  /** PostgreSQL's. */
  version: string;
  /** To the database that is there already. */
  address: Address;
  /** One session on that database. */
  admin: Sql;
  /** What the whole server has used so far; null where it cannot be told, as for an external one. */
  cpuSeconds(): Promise<number | null>;
  close(): Promise<void>;
}

/** @param url null: an embedded one. @throws Error that says what is wrong with the URL; the server's or driver's error. */
export async function openDatabaseServer(url: string | null): Promise<DatabaseServer> {
  return url === null ? await startEmbedded() : await connect(readUrl(url));
}

function readUrl(url: string): Address {
  const parsed = parseDatabaseUrl(url);
  if (!parsed.ok) throw new Error(`--database-url takes ${parsed.takes}`);
  return parsed.value;
}

async function startEmbedded(): Promise<DatabaseServer> {
  const dataDir = await mkdtemp(join(tmpdir(), 'bulk-bench-postgres-'));
  const remove = async () => await rm(dataDir, { recursive: true, force: true, maxRetries: 5 });
  try {
    const postgres = await startEmbeddedPostgres({ dataDir, schema: 'public' });
    const { host, port, user, password, database } = postgres.connection;
    const pid = Number.parseInt(await readFile(join(dataDir, 'postgres/postmaster.pid'), 'utf8'), 10);
    const server = await connect({ host, port, user, password, database, tlsMode: 'disable' });
    return {
      ...server,
      kind: 'embedded',
      cpuSeconds: async () => await cpuSecondsOfFamily(pid),
      close: async () => {
        await server.close();
        await postgres.stop();
        await remove();
      },
    };
  } catch (error) {
    await remove();
    throw error;
  }
}

async function connect(address: Address): Promise<DatabaseServer> {
  const admin = openPool(connectionTo(address), { max: 1, name: 'bulk bench' });
  const close = async () => await admin.end({ timeout: 5 });
  try {
    const [row] = await admin<{ server_version: string }[]>`SHOW server_version`;
    return { kind: 'external', version: row!.server_version, address, admin, cpuSeconds: async () => null, close };
  } catch (error) {
    await close();
    throw error;
  }
}

export function connectionTo(address: Address): Connection {
  const { host, port, user, password, database } = address;
  return { host, port, user, password, database, ssl: tlsOptions(address), schema: 'public' };
}

/** The address as the service's environment names it, or libpq's (https://www.postgresql.org/docs/current/libpq-envars.html). */
export function environmentOf(address: Address, reader: 'service' | 'libpq'): Record<string, string> {
  const { host, port, user, password, database, tlsMode, rootCertificate } = address;
  const [prefix, name] = reader === 'service' ? ['DB_', 'NAME'] : ['PG', 'DATABASE'];
  const values = { HOST: host, PORT: port, USER: user, PASSWORD: password, [name]: database };
  const tls = { SSLMODE: tlsMode ?? 'prefer', ...(rootCertificate ? { SSLROOTCERT: rootCertificate } : {}) };
  return Object.fromEntries(
    Object.entries({ ...values, ...tls }).map(([key, value]) => [`${prefix}${key}`, String(value)]),
  );
}
