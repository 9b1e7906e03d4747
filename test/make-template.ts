// The database that tests clone.
import { randomUUID } from 'node:crypto';
import type { Pool } from 'pg';
import { PgBoss } from 'pg-boss';
import type { Connection } from '../db/client.ts';
import { migrate } from '../db/migrate.ts';

export async function makeTemplate(admin: Pool, connection: Connection, name: string): Promise<void> {
  const unfinished = `unfinished_${randomUUID().replaceAll('-', '')}`;
  await admin.query(`CREATE DATABASE ${unfinished}`);
  await migrate({ ...connection, database: unfinished });
  await installQueue({ ...connection, database: unfinished });
  await admin.query(`ALTER DATABASE ${unfinished} RENAME TO ${name}`);
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
