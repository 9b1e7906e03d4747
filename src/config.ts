// Environment → frozen Config. The only place that reads process.env; what there is to set is in variables/.
import { isIPv4 } from 'node:net';
import { join, resolve } from 'node:path';
import type { Connection } from '../db/client.ts';
import { connectionBudget } from './connection-budget.ts';
import { type Address, tlsOptions } from './database-url.ts';
import { type Environment, fault, inWords, readEnvironment, type Values } from './environment.ts';
import { StartFailure } from './start-failure.ts';
import { tracingSettings } from './tracing/tracing-settings.ts';
import { variables } from './variables/index.ts';

/** Durations are in milliseconds, sizes in bytes. */
export type Config = ReturnType<typeof assemble>;

/** A longer record is rejected (records.md). */
const maxRecordBytes = 8 * 2 ** 20;

const remedy = 'run with --help to see every variable';

/** @throws StartFailure whose message has one line for each wrong variable; secrets are not shown. */
export function loadConfig(env: Environment = process.env): Config {
  const { values, faults } = readEnvironment(variables, env);
  if (faults.length > 0) throw new StartFailure(faults.join('\n'), { remedy });
  const config = assemble(values);
  const conflicts = [
    ...accessConflicts(values),
    ...databaseConflicts(values, env),
    ...poolConflicts(config),
    ...retentionConflicts(values),
  ];
  if (conflicts.length > 0) throw new StartFailure(conflicts.join('\n'), { remedy });
  return deepFreeze(config);
}

function assemble(values: Values<typeof variables>) {
  const dataDir = resolve(values.DATA_DIR);
  return {
    http: {
      host: values.HOST,
      port: values.PORT,
      requestsPerMinute: values.RATE_LIMIT,
      trustedProxies: values.TRUST_PROXY ?? [],
      maxEventStreams: values.MAX_EVENT_STREAMS,
    },
    clientPace: { stallTimeoutMs: values.CLIENT_STALL_TIMEOUT, minBytesPerSecond: values.CLIENT_MIN_RATE },
    database: {
      connection: databaseConnection(values),
      schema: values.DB_SCHEMA,
      maxConnections: values.DB_MAX_OPEN_CONNS,
      maxIdleConnections: Math.min(values.DB_MAX_IDLE_CONNS, values.DB_MAX_OPEN_CONNS),
      retryForMs: values.DB_RETRY_FOR,
    },
    dataDir,
    uploadDir: resolve(values.UPLOAD_DIR ?? join(dataDir, 'uploads')),
    exportDir: resolve(values.EXPORT_DIR ?? join(dataDir, 'exports')),
    import: {
      chunkRecords: values.IMPORT_BATCH_SIZE,
      chunkBytes: values.IMPORT_BATCH_BYTES,
      connections: values.IMPORT_CONNECTIONS,
      workers: values.IMPORT_WORKERS,
      maxUploadBytes: values.MAX_UPLOAD_SIZE,
      maxUnpackedBytes: values.MAX_UNPACKED_SIZE ?? 10 * values.MAX_UPLOAD_SIZE,
      maxRowErrors: values.MAX_ROW_ERRORS,
      maxRecordBytes,
    },
    remote: {
      on: values.REMOTE_FILES === 'on',
      allow: values.REMOTE_ALLOW ?? [],
      timeoutMs: values.REMOTE_TIMEOUT,
      concurrency: values.REMOTE_CONCURRENCY,
    },
    jobs: {
      concurrency: values.JOB_CONCURRENCY,
      maxUnfinished: values.MAX_UNFINISHED_JOBS,
      maxUnfinishedPerOwner: values.MAX_UNFINISHED_JOBS_PER_OWNER ?? Math.ceil(values.MAX_UNFINISHED_JOBS / 2),
      maxRunningPerOwner: values.MAX_RUNNING_JOBS_PER_OWNER ?? values.JOB_CONCURRENCY,
      maxStoredBytesPerOwner: values.MAX_STORED_SIZE_PER_OWNER ?? 100 * values.MAX_UPLOAD_SIZE,
    },
    access: { keys: values.API_KEYS ?? [], open: values.AUTH === 'none', corsOrigin: values.CORS_ORIGIN ?? null },
    log: { level: values.LOG_LEVEL, format: values.LOG_FORMAT },
    ttl: {
      uploadMs: values.UPLOAD_TTL,
      exportMs: values.EXPORT_TTL,
      idempotencyMs: values.IDEMPOTENCY_TTL,
      jobMs: values.JOB_TTL,
    },
    seed: values.SEED,
    shutdownTimeoutMs: values.SHUTDOWN_TIMEOUT,
    maxEventLoopDelayMs: values.MAX_EVENT_LOOP_DELAY,
    tracing: tracingSettings(values),
  };
}

/** null: nothing says where a database is, so the embedded one is meant. */
function databaseConnection(values: Values<typeof variables>): Connection | null {
  const { DATABASE_URL, DB_HOST, DB_PORT, DB_USER, DB_PASSWORD, DB_NAME, DB_SSLMODE, DB_SSLROOTCERT, DB_SCHEMA } =
    values;
  if (
    !DATABASE_URL &&
    ![DB_HOST, DB_PORT, DB_USER, DB_PASSWORD, DB_NAME, DB_SSLMODE].some((value) => value !== undefined)
  ) {
    return null;
  }
  const user = DB_USER ?? 'postgres';
  const parts = {
    host: DB_HOST ?? 'localhost',
    port: DB_PORT ?? 5432,
    user,
    password: DB_PASSWORD ?? '',
    database: DB_NAME ?? user,
  };
  const address: Address = DATABASE_URL ?? parts;
  const { host, port, user: role, password, database } = address;
  const tls = {
    ...address,
    tlsMode: address.tlsMode ?? DB_SSLMODE,
    rootCertificate: address.rootCertificate ?? DB_SSLROOTCERT,
  };
  try {
    return { host, port, user: role, password, database, ssl: tlsOptions(tls), schema: DB_SCHEMA };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new StartFailure(fault('DB_SSLROOTCERT', tls.rootCertificate ?? '', `cannot be read (${code})`), {
      cause: error,
    });
  }
}

function accessConflicts({ HOST, API_KEYS, AUTH, TRUST_PROXY }: Values<typeof variables>): string[] {
  if (AUTH === 'none') return API_KEYS ? [fault('AUTH', AUTH, 'contradicts API_KEYS: set one of them')] : [];
  if (API_KEYS) return [];
  const faults: string[] = [];
  if (!isLoopback(HOST)) {
    const takes =
      'takes only a loopback address (127.0.0.1, ::1, localhost) while there are no API_KEYS; AUTH=none lifts this';
    faults.push(fault('HOST', HOST, takes));
  }
  // To the service everybody who comes through a proxy on this machine is local.
  if (TRUST_PROXY) faults.push(fault('TRUST_PROXY', TRUST_PROXY.join(), 'needs API_KEYS; AUTH=none lifts this'));
  return faults;
}

/** Whether only this machine can reach the address. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'));
}

function databaseConflicts({ DATABASE_URL }: Values<typeof variables>, env: Environment): string[] {
  if (!DATABASE_URL) return [];
  const parts = ['DB_HOST', 'DB_PORT', 'DB_USER', 'DB_PASSWORD', 'DB_NAME'].filter((name) => env[name]?.trim());
  return parts.map((name) => fault(name, null, 'contradicts DATABASE_URL: set one of them'));
}

function poolConflicts(config: Config): string[] {
  if (suffices(config, config.database.maxConnections)) return [];
  let enough = config.database.maxConnections;
  while (!suffices(config, enough)) enough++;
  const takes = `takes ${enough} or more while IMPORT_CONNECTIONS is ${config.import.connections}`;
  return [fault('DB_MAX_OPEN_CONNS', String(config.database.maxConnections), takes)];
}

function suffices(config: Config, maxConnections: number): boolean {
  try {
    connectionBudget({ ...config, database: { ...config.database, maxConnections } });
    return true;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

/** What belongs to a job goes with it: nothing may be promised for longer. */
function retentionConflicts(values: Values<typeof variables>): string[] {
  const parts = ['UPLOAD_TTL', 'EXPORT_TTL', 'IDEMPOTENCY_TTL'] as const;
  const longer = parts.filter((name) => values[name] > values.JOB_TTL);
  if (longer.length === 0) return [];
  return [fault('JOB_TTL', inWords(values.JOB_TTL), `takes no less than ${longer.join(' and ')}`)];
}

function deepFreeze<T>(value: T): T {
  // Typed arrays (hashes of keys, certificates) cannot be frozen.
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return value;
  for (const member of Object.values(value)) deepFreeze(member);
  return Object.freeze(value);
}
