import { type Kysely, sql } from 'kysely';
import { createResourceTable, dropResourceTable } from '../resource-tables.ts';

export async function up(db: Kysely<unknown>): Promise<void> {
  await createResourceTable(db, 'comments', async () => {
    await sql`
      CREATE TABLE comments (
        id uuid PRIMARY KEY,
        article_id uuid NOT NULL REFERENCES articles,
        user_id uuid NOT NULL REFERENCES users,
        body text NOT NULL,
        created_at timestamptz NOT NULL
      )`.execute(db);
    await sql`CREATE INDEX comments_article_id_idx ON comments (article_id)`.execute(db);
    await sql`CREATE INDEX comments_user_id_idx ON comments (user_id)`.execute(db);
  });
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await dropResourceTable(db, 'comments');
}
