// Turns whatever kept the service from starting into what a person needs: one line that says what is wrong and what to
// do. Errors that nobody foresaw keep their stack. The database's password is never part of it.
import { networkInterfaces, userInfo } from 'node:os';
import type { Connection } from '../db/client.ts';
import { EmbeddedPostgresFailure } from '../db/embedded/embedded-failure.ts';
import { UnsuitableDatabase } from '../db/unsuitable-database.ts';
import type { Config } from './config.ts';
import { StartFailure } from './start-failure.ts';

interface Explanation {
  what: string;
  remedy: string | null;
}

type SystemError = Error & { code?: unknown; syscall?: string; path?: string; hostname?: string };

/** @param config null: the failure is about the configuration itself. */
export function explainStartFailure(error: unknown, config: Config | null): string {
  const explanation = explain(error, config);
  const text = explanation ? inOneLine(explanation, error instanceof StartFailure) : unforeseen(error);
  return withoutSecret(text, config?.database.connection?.password);
}

function explain(error: unknown, config: Config | null): Explanation | null {
  if (
    error instanceof StartFailure ||
    error instanceof EmbeddedPostgresFailure ||
    error instanceof UnsuitableDatabase
  ) {
    return { what: error.message, remedy: error.remedy };
  }
  if (!(error instanceof Error) || !config) return null;
  const failure = error as SystemError;
  if (isListenFailure(failure, config)) return explainListenFailure(failure, config);
  // A write to a file that is open does not say which one.
  if (failure.path !== undefined || failure.syscall === 'write') return explainFileFailure(failure, config);
  return explainDatabaseFailure(failure, config.database.connection);
}

/** Line breaks of a StartFailure separate several faults; elsewhere they come from outside and forge nothing. */
function inOneLine({ what, remedy }: Explanation, severalFaults: boolean): string {
  const lines = severalFaults ? what : what.replace(/\s+/g, ' ').trim();
  return remedy === null ? lines : `${lines}; ${remedy}`;
}

function unforeseen(error: unknown): string {
  return `the service cannot start: ${error instanceof Error ? error.stack : String(error)}`;
}

function withoutSecret(text: string, secret = ''): string {
  // Shorter ones would blot out half of every message, and be told thereby.
  return secret.length < 4 ? text : text.replaceAll(secret, '***').replaceAll(encodeURIComponent(secret), '***');
}

function isListenFailure({ syscall, hostname }: SystemError, { http }: Config): boolean {
  return syscall === 'listen' || (syscall === 'getaddrinfo' && hostname === http.host);
}

function explainListenFailure({ code, message }: SystemError, { http: { host, port } }: Config): Explanation {
  switch (code) {
    case 'EADDRINUSE':
      return {
        what: `port ${port} of ${host} is in use by another program`,
        remedy: 'stop that one, or set PORT to another port (0 picks a free one)',
      };
    case 'EACCES':
      return { what: `port ${port} is reserved for privileged users`, remedy: 'set PORT to 1024 or higher' };
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return {
        what: `HOST ${host} is not an address of this machine`,
        remedy: `set HOST to one of ${[...ownAddresses(), '0.0.0.0'].join(', ')}`,
      };
    default:
      return { what: `cannot listen on ${host}, port ${port}: ${message}`, remedy: 'correct HOST or PORT' };
  }
}

function ownAddresses(): Set<string | undefined> {
  try {
    return new Set(Object.values(networkInterfaces()).flatMap((all) => all?.map(({ address }) => address)));
  } catch {
    // Where sockets of AF_NETLINK are forbidden, the system does not tell them.
    return new Set(['127.0.0.1']);
  }
}

/** VARIABLE, PATH and USER stand for those at hand. */
const fileFailures: Record<string, [what: string, remedy: string]> = {
  EACCES: ['USER may not write to PATH', 'give this user the right to, or set VARIABLE to another folder'],
  EPERM: ['USER may not write to PATH', 'give this user the right to, or set VARIABLE to another folder'],
  EROFS: ['PATH is on a read-only file system', 'set VARIABLE to a folder that can be written'],
  ENOSPC: ['the disk of PATH is full', 'free some space, or set VARIABLE to a folder on another disk'],
  EDQUOT: ['the disk quota of USER is used up at PATH', 'free some space, or set VARIABLE to a folder on another disk'],
  ENOTDIR: ['a file is where a folder should be in PATH', 'remove it, or set VARIABLE to another folder'],
  ENOENT: ['PATH leads to what is not there, or no folder can be made there', 'set VARIABLE to another folder'],
  ELOOP: ['PATH is a link that leads back to itself', 'remove it, or set VARIABLE to another folder'],
  ENAMETOOLONG: ['the name PATH is too long', 'set VARIABLE to a folder with a shorter one'],
  EEXIST: ['a file is where a folder should be in PATH', 'remove it, or set VARIABLE to another folder'],
};

function explainFileFailure({ code, syscall, path: given }: SystemError, config: Config): Explanation | null {
  // Of a program or file of the service's own that is missing nobody foresaw anything.
  if (code === 'ENOENT' && syscall !== 'mkdir' && syscall !== 'stat') return null;
  const path = given ?? config.dataDir;
  const [what, remedy] = fileFailures[String(code)] ?? [];
  if (!what || !remedy) return null;
  const variable = variableOf(path, config);
  const fillIn = (text: string) =>
    text
      .replace('VARIABLE', () => variable)
      .replace('PATH', () => path)
      .replace('USER', userName);
  return { what: `${variable}: ${fillIn(what)} (${code})`, remedy: fillIn(remedy) };
}

function userName(): string {
  try {
    return `user ${userInfo().username}`;
  } catch {
    // In a container the id need not have a name.
    return `user ${process.getuid?.()}`;
  }
}

/** The variable to set: what is by default inside DATA_DIR is moved by that. */
function variableOf(path: string, { dataDir, uploadDir, exportDir }: Config): string {
  const concerns = (folder: string) => `${path}/`.startsWith(`${folder}/`) || `${folder}/`.startsWith(`${path}/`);
  if (concerns(dataDir)) return 'DATA_DIR';
  if (concerns(uploadDir)) return 'UPLOAD_DIR';
  return concerns(exportDir) ? 'EXPORT_DIR' : 'DATA_DIR';
}

const addressRemedy = 'start it, or correct DATABASE_URL or DB_HOST and DB_PORT';

/** In messages about the server that we started ourselves; none of them is a person's to set. */
const embedded = { host: '127.0.0.1', port: '', user: 'bulk', database: 'bulk', schema: 'public' };

/** SQLSTATEs are those of https://www.postgresql.org/docs/current/errcodes-appendix.html. */
function explainDatabaseFailure({ code, message }: SystemError, connection: Connection | null): Explanation | null {
  if (typeof code !== 'string') return null;
  const { host, port, user, database, schema } = connection ?? embedded;
  const server = connection ? `PostgreSQL at ${host}:${port}` : 'the embedded PostgreSQL';
  const said = `${server} refuses: ${message}`;
  switch (code) {
    case 'ECONNREFUSED':
    case 'ENOENT':
      return { what: `${server} cannot be reached, nothing listens there (${code})`, remedy: addressRemedy };
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return {
        what: `the host ${host} of the database is not known (${code})`,
        remedy: 'correct DATABASE_URL or DB_HOST',
      };
    case 'CONNECT_TIMEOUT':
    case 'ETIMEDOUT':
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return { what: `${server} cannot be reached, there is no answer (${code})`, remedy: addressRemedy };
    case 'ECONNRESET':
    case 'EPIPE':
    case 'CONNECTION_CLOSED':
      return {
        what: `${server} closes the connection (${code})`,
        remedy: 'see its log; a server without TLS does so under DB_SSLMODE=require, verify-ca and verify-full',
      };
    case '28P01':
      return {
        what: `${server} does not accept the password of user ${user}`,
        remedy: 'correct DATABASE_URL or DB_PASSWORD',
      };
    case '28000':
      return { what: said, remedy: 'correct DATABASE_URL or DB_USER, DB_SSLMODE, or the pg_hba.conf of the server' };
    case '3D000':
      return { what: said, remedy: `create it (CREATE DATABASE "${database}"), or correct DATABASE_URL or DB_NAME` };
    case '42501':
      return {
        what: `user ${user} lacks a right in the database ${database}: ${message}`,
        remedy: /schema|relation|table/.test(message)
          ? `GRANT USAGE, CREATE ON SCHEMA "${schema}" TO "${user}", or set DB_SCHEMA to one it owns`
          : `GRANT CREATE ON DATABASE "${database}" TO "${user}"`,
      };
    case '53300':
      return { what: said, remedy: 'raise max_connections of the server, or lower DB_MAX_OPEN_CONNS' };
    case '53100':
      return { what: `the disk of the database is full: ${message}`, remedy: 'free some space there' };
    case '55P03':
      return {
        what: `the tables are locked by a transaction that does not end (${message})`,
        remedy: 'end it (pg_stat_activity shows it), then start again',
      };
    case '57P03':
    case '57P01':
      return { what: said, remedy: 'start again once it is ready' };
    default:
      if (/CERT|TLS|SSL|SELF_SIGNED|VERIFY_LEAF/.test(code)) {
        return {
          what: `the certificate of ${server} is not accepted: ${message} (${code})`,
          remedy: 'name its root certificate in DB_SSLROOTCERT, or correct DB_HOST or DB_SSLMODE',
        };
      }
      return /^[0-9A-Z]{5}$/.test(code) ? { what: `${said} (${code})`, remedy: 'see the log of the server' } : null;
  }
}
