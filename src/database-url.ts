// Where an external PostgreSQL is: DATABASE_URL, or DB_HOST and its siblings, with libpq's TLS modes
// (https://www.postgresql.org/docs/current/libpq-ssl.html).
import { readFileSync } from 'node:fs';
import type { Connection } from '../db/client.ts';
import type { Parsed } from './environment.ts';

export const tlsModes = ['disable', 'prefer', 'require', 'verify-ca', 'verify-full'] as const;
export type TlsMode = (typeof tlsModes)[number];

/** A connection without its schema; TLS is settled later, from these and from DB_SSLMODE. */
export interface Address {
  host: string;
  port: number;
  user: string;
  password: string;
  database: string;
  tlsMode?: TlsMode;
  rootCertificate?: string;
}

const takes = 'a URL like postgres://user:password@host:5432/database?sslmode=verify-full';

/** Parameters besides sslmode, sslrootcert and host are ignored, except TLS settings that would be missed. */
export function parseDatabaseUrl(value: string): Parsed<Address> {
  const url = URL.parse(value);
  if (!url || !/^postgres(ql)?:$/.test(url.protocol)) return { ok: false, takes };
  const host = url.searchParams.get('host') ?? decode(url.hostname).replace(/^\[(.*)\]$/, '$1');
  const [user, password, database] = [url.username, url.password, url.pathname.slice(1)].map(decode) as [
    string,
    string,
    string,
  ];
  if (!host || !user) return { ok: false, takes: `${takes}; its ${host ? 'user' : 'host'} is missing` };
  // The driver would go through them in turn, and find none.
  if (host.includes(',')) return { ok: false, takes: `${takes}; it takes one host` };
  const tlsMode = url.searchParams.get('sslmode') ?? undefined;
  if (tlsMode !== undefined && !tlsModes.some((mode) => mode === tlsMode)) {
    return { ok: false, takes: `${takes}, with an sslmode of ${tlsModes.join(', ')}` };
  }
  const unknown = [...url.searchParams.keys()].find((name) => /^ssl/.test(name) && !/^ssl(mode|rootcert)$/.test(name));
  if (unknown) return { ok: false, takes: `${takes}; the parameter ${unknown} is not supported` };
  const rootCertificate = url.searchParams.get('sslrootcert') ?? undefined;
  const port = Number(url.port || 5432);
  return {
    ok: true,
    value: {
      host,
      port,
      user,
      password,
      database: database || user,
      tlsMode: tlsMode as TlsMode | undefined,
      rootCertificate,
    },
  };
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    // A bare % in a password: what is meant is what is written.
    return part;
  }
}

/**
 * Both drivers take these options of `tls.connect`. As with libpq, `require` becomes `verify-ca` by naming a root
 * certificate, and `system` means the certificates that Node trusts.
 *
 * @throws the error of reading the root certificate.
 */
export function tlsOptions({ host, tlsMode, rootCertificate }: Address): Connection['ssl'] {
  if (tlsMode === 'disable') return false;
  if (tlsMode === 'prefer' || tlsMode === undefined) return 'prefer';
  const ca = rootCertificate && rootCertificate !== 'system' ? readFileSync(rootCertificate, 'utf8') : undefined;
  if (tlsMode === 'require' && !ca) return { rejectUnauthorized: false };
  // The host is given for the comparison of names: both drivers set `servername` for names only, not for addresses.
  if (tlsMode === 'verify-full') return { rejectUnauthorized: true, ca, host } as Connection['ssl'];
  return { rejectUnauthorized: true, ca, checkServerIdentity: () => undefined };
}
