// Every environment variable that the service reads: the one table behind loadConfig and `--help`.
import { availableParallelism } from 'node:os';
import { parseApiKeys } from './api-keys.ts';
import { parseDatabaseUrl, tlsModes } from './database-url.ts';
import { bytes, choice, duration, integer, type Parsed, text, type Variables } from './environment.ts';
import { parseAllowedHosts } from './remote/allowed-hosts.ts';
import { tracingVariables } from './tracing-settings.ts';

const cores = availableParallelism();
const day = 86_400_000;

export const variables = {
  HOST: {
    group: 'Server',
    default: '127.0.0.1',
    description: 'address to listen on',
    parse: text(/^[\w.:%-]+$/, 'an address or host name'),
  },
  PORT: {
    group: 'Server',
    default: '8080',
    description: 'port to listen on; 0 picks a free one and logs it',
    parse: integer(0, 65_535),
  },
  LOG_LEVEL: {
    group: 'Server',
    default: 'info',
    description: 'least severe level that is logged',
    parse: choice('fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'),
  },
  LOG_FORMAT: {
    group: 'Server',
    default: 'json',
    description: 'json for machines, pretty for people',
    parse: choice('json', 'pretty'),
  },
  MAX_EVENT_LOOP_DELAY: {
    group: 'Server',
    default: '1s',
    description: 'mean delay of the event loop past which requests are answered with 503',
    parse: duration(10, day),
  },
  CLIENT_STALL_TIMEOUT: {
    group: 'Server',
    default: '60s',
    description: 'how long a client may send nothing of its request, or take nothing of its answer',
    parse: duration(100, day),
  },
  CLIENT_MIN_RATE: {
    group: 'Server',
    default: '1KiB',
    description: 'bytes a second that a client must send or take on the average of CLIENT_STALL_TIMEOUT; 0: any',
    parse: bytes(0),
  },
  SHUTDOWN_TIMEOUT: {
    group: 'Server',
    default: '30s',
    description: 'how long a stop may take before what still runs is cut off',
    // Timers reach 24 days.
    parse: duration(100, 24 * day),
  },

  API_KEYS: {
    group: 'Access',
    default: null,
    secret: true,
    description:
      'keys as name:scopes:secret, or name@owner:scopes:secret for one that sees only the jobs of its owner, separated by commas; scopes are read, write or read+write; secrets have 16 characters or more',
    parse: parseApiKeys,
  },
  AUTH: {
    group: 'Access',
    default: 'keys',
    description: 'none: serve anybody who reaches HOST, without API keys',
    parse: choice('keys', 'none'),
  },
  CORS_ORIGIN: {
    group: 'Access',
    default: null,
    defaultText: '* with API keys, pages of localhost without',
    description: 'origins, separated by commas, whose pages may call the API; * for all',
    parse: parseOrigins,
  },
  RATE_LIMIT: {
    group: 'Access',
    default: '60000',
    description: 'requests a minute of an API key, without keys of a client address; 0: any number',
    parse: integer(0, 1e9),
  },

  DATABASE_URL: {
    group: 'Database',
    default: null,
    defaultText: 'the embedded PostgreSQL',
    secret: true,
    description: 'PostgreSQL 15 or newer: postgres://user:password@host:5432/database?sslmode=…',
    parse: parseDatabaseUrl,
  },
  DB_HOST: {
    group: 'Database',
    default: null,
    defaultText: 'localhost, once another DB_ variable of an address is set',
    description: 'its host, or the folder of its socket; instead of DATABASE_URL',
    parse: text(),
  },
  DB_PORT: {
    group: 'Database',
    default: null,
    defaultText: '5432',
    description: 'its port',
    parse: integer(1, 65_535),
  },
  DB_USER: {
    group: 'Database',
    default: null,
    defaultText: 'postgres',
    description: 'role to connect as',
    parse: text(),
  },
  DB_PASSWORD: { group: 'Database', default: null, secret: true, description: 'password of that role', parse: text() },
  DB_NAME: {
    group: 'Database',
    default: null,
    defaultText: 'as DB_USER',
    description: 'database to connect to',
    parse: text(),
  },
  DB_SSLMODE: {
    group: 'Database',
    default: null,
    defaultText: 'prefer',
    description: 'TLS to the database, as in libpq',
    parse: choice(...tlsModes),
  },
  DB_SSLROOTCERT: {
    group: 'Database',
    default: null,
    description: 'file of the certificates that verify-ca and verify-full trust',
    parse: text(),
  },
  DB_SCHEMA: {
    group: 'Database',
    default: 'public',
    description: "schema of the resources' tables",
    parse: text(
      /^(?!(bulk|pgboss|information_schema)$|pg_)[^\0]{1,63}$/,
      'the name of a schema other than bulk, pgboss and those of PostgreSQL',
    ),
  },
  DB_MAX_OPEN_CONNS: {
    group: 'Database',
    default: '25',
    description: 'connections of the process, all pools together',
    parse: integer(1, 10_000),
  },
  DB_MAX_IDLE_CONNS: {
    group: 'Database',
    default: '5',
    description: 'of these, kept open while unused',
    parse: integer(0, 10_000),
  },
  DB_RETRY_FOR: {
    group: 'Database',
    default: '24h',
    description: 'how long jobs wait for a database that is away',
    parse: duration(1000),
  },

  DATA_DIR: {
    group: 'Files',
    default: './data',
    description: 'folder of the embedded database, uploads and exports',
    parse: text(),
  },
  UPLOAD_DIR: {
    group: 'Files',
    default: null,
    defaultText: '$DATA_DIR/uploads',
    description: 'folder of uploaded files',
    parse: text(),
  },
  EXPORT_DIR: {
    group: 'Files',
    default: null,
    defaultText: '$DATA_DIR/exports',
    description: 'folder of exported files',
    parse: text(),
  },
  UPLOAD_TTL: {
    group: 'Files',
    default: '24h',
    description: 'how long an uploaded file is kept once its import has ended',
    parse: duration(1000),
  },
  EXPORT_TTL: {
    group: 'Files',
    default: '24h',
    description: 'how long an exported file can be downloaded',
    parse: duration(1000),
  },
  SEED: {
    group: 'Files',
    default: 'auto',
    description: 'load the sample records into empty tables: auto only into the embedded database, on into any, off',
    parse: choice('auto', 'on', 'off'),
  },

  MAX_UPLOAD_SIZE: { group: 'Imports', default: '524288000', description: 'size of an uploaded file', parse: bytes(1) },
  MAX_UNPACKED_SIZE: {
    group: 'Imports',
    default: null,
    defaultText: '10 × MAX_UPLOAD_SIZE',
    description: 'size of a gzipped file once unpacked',
    parse: bytes(1),
  },
  MAX_ROW_ERRORS: {
    group: 'Imports',
    default: '5000000',
    description: 'row errors past which a job fails',
    parse: integer(0, 1e12),
  },
  IMPORT_BATCH_SIZE: {
    group: 'Imports',
    default: '15000',
    description: 'records per transaction',
    parse: integer(1, 1_000_000),
  },
  IMPORT_BATCH_BYTES: {
    group: 'Imports',
    default: '4MiB',
    description: 'bytes per transaction, whichever is reached first',
    parse: bytes(1024, 256 * 2 ** 20),
  },
  IMPORT_WORKERS: {
    group: 'Imports',
    // A thread parses several times what PostgreSQL loads meanwhile, and each takes 40 MB.
    default: String(Math.max(1, Math.min(4, Math.floor(cores / 2)))),
    defaultText: 'half as many as cores, 1 to 4',
    description: 'threads that read and check records',
    parse: integer(1, 256),
  },
  IMPORT_CONNECTIONS: {
    group: 'Imports',
    default: String(Math.min(4, Math.max(2, cores))),
    defaultText: 'as many as cores, 2 to 4',
    description: 'database connections that load one file',
    parse: integer(1, 64),
  },

  REMOTE_FILES: {
    group: 'Imports',
    default: 'off',
    description: 'on: imports may name a file_url, which the service fetches',
    parse: choice('on', 'off'),
  },
  REMOTE_ALLOW: {
    group: 'Imports',
    default: null,
    description: 'hosts of a file_url, separated by commas, that may be reached although private; host or host:port',
    parse: parseAllowedHosts,
  },
  REMOTE_TIMEOUT: {
    group: 'Imports',
    default: '10m',
    description: 'how long fetching a file_url may take',
    parse: duration(100, day),
  },

  JOB_CONCURRENCY: {
    group: 'Jobs',
    default: '2',
    description: 'jobs of each kind that run at once',
    parse: integer(1, 100),
  },
  MAX_UNFINISHED_JOBS: {
    group: 'Jobs',
    default: '100',
    description: 'running and waiting jobs of each kind; more are answered with 429',
    parse: integer(1, 1_000_000),
  },
  MAX_UNFINISHED_JOBS_PER_OWNER: {
    group: 'Jobs',
    default: null,
    defaultText: 'half of MAX_UNFINISHED_JOBS',
    description: 'the same, of the API keys of one owner',
    parse: integer(1, 1_000_000),
  },
  MAX_RUNNING_JOBS_PER_OWNER: {
    group: 'Jobs',
    default: null,
    defaultText: 'as JOB_CONCURRENCY',
    description: 'jobs of each kind and owner that run at once, all processes together',
    parse: integer(1, 1_000_000),
  },
  MAX_STORED_SIZE_PER_OWNER: {
    group: 'Jobs',
    default: null,
    defaultText: '100 × MAX_UPLOAD_SIZE',
    description: 'size of the uploads and exported files of one owner together; more are answered with 429',
    parse: bytes(1),
  },
  IDEMPOTENCY_TTL: {
    group: 'Jobs',
    default: '24h',
    description: 'how long an Idempotency-Key is remembered',
    parse: duration(1000),
  },
  JOB_TTL: {
    group: 'Jobs',
    default: '30d',
    description: 'how long a job that has ended is kept, with its row errors; no less than the other TTLs',
    parse: duration(1000),
  },

  ...tracingVariables,
} as const satisfies Variables;

function parseOrigins(value: string): Parsed<string[]> {
  const origins = value.split(/[\s,]+/).filter((origin) => origin !== '');
  const wrong = origins.some((origin) => origin !== '*' && URL.parse(origin)?.origin !== origin);
  return wrong
    ? { ok: false, takes: '* or origins such as https://example.com, without a path' }
    : { ok: true, value: origins };
}
