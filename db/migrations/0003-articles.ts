import { type Kysely, sql } from 'kysely';
import { createResourceTable, dropResourceTable } from '../resource-tables.ts';

export async function up(db: Kysely<unknown>): Promise<void> {
  await createResourceTable(db, 'articles', async () => {
    await sql`
      CREATE TABLE articles (
        id uuid PRIMARY KEY,
        slug text COLLATE "C" NOT NULL UNIQUE,
        title text NOT NULL,
        body text NOT NULL,
        author_id uuid NOT NULL REFERENCES users,
        tags text[] NOT NULL,
        status text NOT NULL,
        published_at timestamptz,
        created_at timestamptz NOT NULL
      )`.execute(db);
    await sql`CREATE INDEX articles_author_id_idx ON articles (author_id)`.execute(db);
  });
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await dropResourceTable(db, 'articles');
}
