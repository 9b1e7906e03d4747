// A database with all migrations applied, the job queue's own included, made once and cloned for every test that wants one of its own.
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import type { Pool } from 'pg';
import type { Connection } from '../db/client.ts';

const migrations = new URL('../db/migrations/', import.meta.url);

/** @param admin of one connection: it may create databases, and is connected to another one. @returns the template's name. */
export async function templateDatabase(admin: Pool, connection: Connection): Promise<string> {
  // Named by what made it: a server shared with a run of edited migrations holds one of each.
  const name = `template_${await fingerprint()}`;
  // Test files that begin at the same time make one. The lock ends with its session, so a file that is killed keeps none.
  await admin.query('SELECT pg_advisory_lock(hashtext($1))', [name]);
  try {
    if (!(await exists(admin, name))) {
      // Only here is all loaded that it takes.
      const { makeTemplate } = await import('./make-template.ts');
      await makeTemplate(admin, connection, name);
    }
  } finally {
    await admin.query('SELECT pg_advisory_unlock(hashtext($1))', [name]);
  }
  return name;
}

async function exists(admin: Pool, name: string): Promise<boolean> {
  return (await admin.query('SELECT FROM pg_database WHERE datname = $1', [name])).rows.length > 0;
}

async function fingerprint(): Promise<string> {
  const files = (await readdir(migrations)).sort().map((file) => new URL(file, migrations));
  const hash = createHash('sha256');
  for (const file of [new URL('../db/migrate.ts', import.meta.url), ...files]) hash.update(await readFile(file));
  return hash.digest('hex').slice(0, 16);
}
