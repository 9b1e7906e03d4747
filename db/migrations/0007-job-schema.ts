import { type Kysely, sql } from 'kysely';

/** Null: of a version that did not say. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`ALTER TABLE bulk.jobs ADD COLUMN db_schema text`.execute(db);
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await sql`ALTER TABLE bulk.jobs DROP COLUMN db_schema`.execute(db);
}
