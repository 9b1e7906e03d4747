// A database with all migrations applied, the job queue's own included, made once and cloned for every test that wants one of its own.
import { createHash, randomUUID } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { PgBoss } from 'pg-boss';
import type { Connection, Sql } from '../db/client.ts';
import { migrate } from '../db/migrate.ts';

const migrations = new URL('../db/migrations/', import.meta.url);

/** @param admin one connection: it may create databases, and is connected to another one. @returns the template's name. */
export async function templateDatabase(admin: Sql, connection: Connection): Promise<string> {
  // Named by what made it: a server shared with a run of edited migrations holds one of each.
  const name = `template_${await fingerprint()}`;
  // Test files that begin at the same time make one. The lock ends with its session, so a file that is killed keeps none.
  await admin`SELECT pg_advisory_lock(hashtext(${name}))`;
  try {
    if (!(await exists(admin, name))) await makeTemplate(admin, connection, name);
  } finally {
    await admin`SELECT pg_advisory_unlock(hashtext(${name}))`;
  }
  return name;
}

async function makeTemplate(admin: Sql, connection: Connection, name: string): Promise<void> {
  const unfinished = `unfinished_${randomUUID().replaceAll('-', '')}`;
  await admin`CREATE DATABASE ${admin(unfinished)}`;
  await migrate({ ...connection, database: unfinished });
  await installQueue({ ...connection, database: unfinished });
  await admin`ALTER DATABASE ${admin(unfinished)} RENAME TO ${admin(name)}`;
}

/** Its start creates the schema; that takes longer than to clone it. */
async function installQueue({ host, port, user, password, database }: Connection): Promise<void> {
  const boss = new PgBoss({ host, port, user, password, database, supervise: false, schedule: false });
  boss.on('error', (error) => {
    throw error;
  });
  await boss.start();
  await boss.stop();
}

async function exists(admin: Sql, name: string): Promise<boolean> {
  return (await admin`SELECT FROM pg_database WHERE datname = ${name}`).length > 0;
}

async function fingerprint(): Promise<string> {
  const files = (await readdir(migrations)).sort().map((file) => new URL(file, migrations));
  const hash = createHash('sha256');
  for (const file of [new URL('../db/migrate.ts', import.meta.url), ...files]) hash.update(await readFile(file));
  return hash.digest('hex').slice(0, 16);
}
