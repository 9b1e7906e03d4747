// Opens postgres.js pools. Every pool of the process is made here, so that sessions agree on what the rest relies on:
// UTC, the resources' schema on the search path, bigint as number, dead peers noticed.
import type { ConnectionOptions as TlsOptions } from 'node:tls';
import postgres from 'postgres';

/** Where the database is; both drivers (postgres.js and, for the queue, pg) are opened with this. */
export interface Connection {
  host: string;
  port: number;
  user: string;
  password: string;
  database: string;
  /** `prefer`: TLS when the server has it, unverified. */
  ssl: false | 'prefer' | TlsOptions;
  /** Schema of the resources' tables; alone on the search path. */
  schema: string;
}

export type Sql = postgres.Sql<{ bigint: number }>;
export type TransactionSql = postgres.TransactionSql<{ bigint: number }>;

/**
 * How long every session of ours may hold a connection for nothing, in milliseconds. A transaction waits for its next statement: a
 * process that is frozen in the middle of one would hold its locks, and with them the jobs that others take over, until
 * somebody wakes it. A statement waits for a lock longer than that: then it is a stranger's.
 */
export const sessionLimits = { idle_in_transaction_session_timeout: 10_000, lock_timeout: 15_000 };

/**
 * What the database or the role may say otherwise for its sessions. Dates are read as ISO 8601, and a stream of rows takes as
 * long as its reader likes; statements that must not are limited one by one (db/time-limit.ts).
 */
const sessionSettings = { DateStyle: 'ISO', statement_timeout: '0' };

/** The same for the queue's driver, as a command-line argument of the session. */
export const sessionOptions = Object.entries(sessionSettings)
  .map(([name, value]) => `-c ${name}=${value}`)
  .join(' ');

export interface PoolOptions {
  /** Connections at most. */
  max: number;
  /** Shown in pg_stat_activity. */
  name: string;
  /** Seconds after which an unused connection is closed; default: kept. */
  idleTimeoutSeconds?: number;
  /** Another limit than `sessionLimits`; 0: none. */
  lockTimeoutMs?: number;
  /** As above. */
  idleTransactionTimeoutMs?: number;
}

/**
 * Seconds before a connection is tried again. The driver's own pauses grow to 20 seconds: for so long requests hung, and
 * jobs stood still, after a server had come back.
 */
const reconnectPause = (failures: number) => Math.min(0.02 * 2 ** failures, 0.5);

/** PostgreSQL's int8; counts, bytes and ordinals here stay far below 2^53. */
const bigintAsNumber = { to: 20, from: [20], serialize: String, parse: Number };

export function openPool(
  connection: Connection,
  { max, name, idleTimeoutSeconds, lockTimeoutMs, idleTransactionTimeoutMs }: PoolOptions,
): Sql {
  const { host, port, user, password, database, ssl, schema } = connection;
  return postgres({
    // In lists, which its types do not know, or the driver would take an address of IPv6 for a host and its port.
    host: [host] as unknown as string,
    port: [port] as unknown as number,
    path: host.startsWith('/') ? `${host}/.s.PGSQL.${port}` : undefined,
    user,
    password,
    database,
    ssl: ssl as postgres.Options<Record<string, never>>['ssl'],
    max,
    idle_timeout: idleTimeoutSeconds,
    max_lifetime: null,
    connect_timeout: 10,
    backoff: reconnectPause,
    keep_alive: 30,
    types: { bigint: bigintAsNumber },
    // Each new session would be asked for all types of arrays first: 7 of the 28 ms of processor time that it then costs to
    // connect (medians of 40 connections, five times in turn).
    fetch_types: false,
    connection: {
      application_name: name,
      search_path: `"${schema.replaceAll('"', '""')}"`,
      TimeZone: 'UTC',
      ...sessionSettings,
      // As texts: the driver leaves out what is 0.
      lock_timeout: String(lockTimeoutMs ?? sessionLimits.lock_timeout),
      idle_in_transaction_session_timeout: String(
        idleTransactionTimeoutMs ?? sessionLimits.idle_in_transaction_session_timeout,
      ),
      tcp_keepalives_idle: 30,
      tcp_keepalives_interval: 10,
      tcp_keepalives_count: 3,
    } as Record<string, string | number>,
    onnotice: () => {},
  }) as Sql;
}
