// Finds an owner's jobs and files without reading everybody's. None of these columns changes while a job runs, so that
// the updates of its counters stay off the indexes.
import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`CREATE INDEX jobs_listed_by_owner ON bulk.jobs (owner, type, seq DESC) WHERE owner IS NOT NULL`.execute(db);
  await sql`
    CREATE INDEX jobs_stored_by_owner ON bulk.jobs (owner) INCLUDE (bytes_total)
    WHERE owner IS NOT NULL AND file IS NOT NULL`.execute(db);
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await sql`DROP INDEX bulk.jobs_listed_by_owner, bulk.jobs_stored_by_owner`.execute(db);
}
