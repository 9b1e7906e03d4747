import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    CREATE TABLE bulk.jobs (
      id uuid PRIMARY KEY,
      seq bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
      type text NOT NULL CHECK (type IN ('import', 'export')),
      resource text NOT NULL,
      format text NOT NULL,
      status text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'processing', 'completed', 'failed', 'cancelled')),
      options jsonb NOT NULL,
      owner text,
      attempt integer NOT NULL DEFAULT 0,
      runner uuid,
      file text,
      sha256 text,
      bytes_total bigint,
      bytes_processed bigint NOT NULL DEFAULT 0,
      total_records bigint,
      successful bigint NOT NULL DEFAULT 0,
      failed bigint NOT NULL DEFAULT 0,
      error_count bigint NOT NULL DEFAULT 0,
      failure jsonb,
      created_at timestamptz NOT NULL DEFAULT now(),
      started_at timestamptz,
      completed_at timestamptz,
      expires_at timestamptz
    ) WITH (fillfactor = 50)`.execute(db);
  // fillfactor: every chunk updates its job's row; room on the page keeps these updates off the indexes.
  await sql`CREATE INDEX jobs_unfinished ON bulk.jobs (seq) WHERE status IN ('pending', 'processing')`.execute(db);
  await sql`CREATE INDEX jobs_listed ON bulk.jobs (type, seq DESC)`.execute(db);
  await sql`
    CREATE TABLE bulk.chunks (
      job_id uuid NOT NULL REFERENCES bulk.jobs ON DELETE CASCADE,
      chunk integer NOT NULL,
      byte_start bigint NOT NULL,
      byte_end bigint NOT NULL,
      first_line bigint NOT NULL,
      last_line bigint NOT NULL,
      first_record bigint NOT NULL,
      records integer NOT NULL,
      PRIMARY KEY (job_id, chunk)
    )`.execute(db);
  // No foreign key: its trigger would cost more per error than the error itself. Whoever deletes a job deletes these.
  await sql`
    CREATE TABLE bulk.row_errors (
      job_id uuid NOT NULL,
      record bigint NOT NULL,
      n integer NOT NULL,
      line bigint NOT NULL,
      field text,
      code text NOT NULL,
      message text NOT NULL,
      value text,
      PRIMARY KEY (job_id, record, n)
    )`.execute(db);
  await sql`
    CREATE TABLE bulk.idempotency_keys (
      owner text NOT NULL,
      route text NOT NULL,
      key text NOT NULL,
      fingerprint text,
      job_id uuid REFERENCES bulk.jobs ON DELETE CASCADE,
      lease_until timestamptz NOT NULL,
      lease_token uuid NOT NULL,
      expires_at timestamptz NOT NULL,
      PRIMARY KEY (owner, route, key)
    )`.execute(db);
}

export async function down(db: Kysely<unknown>): Promise<void> {
  for (const table of ['idempotency_keys', 'row_errors', 'chunks', 'jobs']) {
    await sql`DROP TABLE bulk.${sql.raw(table)}`.execute(db);
  }
}
