import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  // The column comes last: it alone takes the table away from a version that runs meanwhile, if only for a moment.
  await sql`CREATE INDEX jobs_ended ON bulk.jobs (completed_at) WHERE completed_at IS NOT NULL`.execute(db);
  await sql`CREATE INDEX jobs_stored ON bulk.jobs (completed_at) WHERE completed_at IS NOT NULL AND file IS NOT NULL`.execute(
    db,
  );
  await sql`CREATE INDEX jobs_file ON bulk.jobs (file) WHERE file IS NOT NULL`.execute(db);
  await sql`CREATE INDEX idempotency_keys_expiry ON bulk.idempotency_keys (expires_at)`.execute(db);
  // For the foreign key: whoever deletes a job deletes its key.
  await sql`CREATE INDEX idempotency_keys_job ON bulk.idempotency_keys (job_id) WHERE job_id IS NOT NULL`.execute(db);
  await sql`
    CREATE TABLE bulk.installation (
      one boolean PRIMARY KEY DEFAULT true CHECK (one),
      id uuid NOT NULL DEFAULT gen_random_uuid(),
      swept_jobs bigint NOT NULL DEFAULT 0
    )`.execute(db);
  await sql`INSERT INTO bulk.installation DEFAULT VALUES`.execute(db);
  await sql`ALTER TABLE bulk.jobs ADD COLUMN swept_at timestamptz`.execute(db);
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await sql`ALTER TABLE bulk.jobs DROP COLUMN swept_at`.execute(db);
  await sql`DROP TABLE bulk.installation`.execute(db);
  for (const index of ['jobs_ended', 'jobs_stored', 'jobs_file', 'idempotency_keys_expiry', 'idempotency_keys_job']) {
    await sql`DROP INDEX bulk.${sql.raw(index)}`.execute(db);
  }
}
