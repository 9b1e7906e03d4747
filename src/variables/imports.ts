import { availableParallelism } from 'node:os';
import { bytes, choice, duration, integer, type Variables } from '../environment.ts';
import { parseAllowedHosts } from '../remote/allowed-hosts.ts';

const cores = availableParallelism();
const day = 86_400_000;

export const imports = {
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
    default: '8MiB',
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
  REMOTE_CONCURRENCY: {
    group: 'Imports',
    default: '8',
    description: 'files of a file_url that are fetched at once; more are answered with 503',
    parse: integer(1, 1000),
  },
} as const satisfies Variables;
