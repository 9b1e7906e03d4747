// Which jobs may be handed to the queue. A job's queue entry is a row of pg-boss with the job's id as singleton key.
import { type Kysely, sql, type Transaction } from 'kysely';
import { arrayLiteral } from './array-literal.ts';
import type { Job } from './jobs.ts';
import type { Database } from './tables.ts';

/** Child resource → the resources it refers to. */
export type Parents = readonly { child: string; parent: string }[];

/** Unfinished earlier imports of resources that the job's resource refers to. */
const unfinishedParents = (parents: Parents) => sql`
  SELECT parent_job.id FROM bulk.jobs parent_job
  JOIN jsonb_to_recordset(${JSON.stringify(parents)}::text::jsonb) AS edge (child text, parent text) ON edge.parent = parent_job.resource
  WHERE job.type = 'import' AND edge.child = job.resource AND parent_job.type = 'import'
    AND (parent_job.db_schema = job.db_schema) IS NOT FALSE
    AND parent_job.seq < job.seq AND parent_job.status IN ('pending', 'processing')`;

/**
 * Whether the job is this process's to run: of a resource that it knows, in its DB_SCHEMA. Others are left to the process
 * that accepted them, or to one like it: while a new version comes with another resource, say.
 */
const ours = (resources: readonly string[]) => sql<boolean>`(
  job.resource = ANY (${arrayLiteral(resources)}::text[]) AND (job.db_schema = current_schema()) IS NOT FALSE)`;

/** Serialises, until the end of the transaction, everyone who decides whether a job may be queued. */
export async function lockQueueing(tx: Transaction<Database>): Promise<void> {
  await sql`SELECT pg_advisory_xact_lock(hashtext('bulk.queueing'))`.execute(tx);
}

/** How many unfinished jobs are not this process's to run. */
export async function countForeign(db: Kysely<Database>, resources: readonly string[]): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    SELECT count(*) FROM bulk.jobs job
    WHERE job.status IN ('pending', 'processing') AND NOT ${ours(resources)}`.execute(db);
  return rows[0]!.count;
}

/**
 * Unfinished jobs of this process that wait for nothing and have no live queue entry, oldest first.
 * @param maxPerOwner how many jobs of a type and an owner may have one at a time; jobs without an owner all may.
 */
export async function findUnqueued(
  tx: Transaction<Database>,
  { resources, parents, maxPerOwner }: { resources: readonly string[]; parents: Parents; maxPerOwner: number },
): Promise<Pick<Job, 'id' | 'type' | 'resource'>[]> {
  const { rows } = await sql<Pick<Job, 'id' | 'type' | 'resource'>>`
    WITH unfinished AS MATERIALIZED (
      SELECT job.*, EXISTS (
        SELECT FROM pgboss.job entry
        WHERE entry.name = job.type AND entry.singleton_key = job.id::text AND entry.state IN ('created', 'retry', 'active')
      ) AS queued
      FROM bulk.jobs job WHERE job.status IN ('pending', 'processing')
    ), ready AS (
      SELECT id, type, resource, owner, seq, queued,
        row_number() OVER (PARTITION BY type, owner ORDER BY queued DESC, seq) AS place
      FROM unfinished job WHERE queued OR (${ours(resources)} AND NOT EXISTS (${unfinishedParents(parents)}))
    )
    SELECT id, type, resource FROM ready WHERE NOT queued AND (owner IS NULL OR place <= ${maxPerOwner}) ORDER BY seq`.execute(
    tx,
  );
  return rows;
}

/**
 * The jobs that a pending import waits for, oldest first.
 * @param owner whose; undefined: everybody's.
 */
export async function findAwaited(
  db: Kysely<Database>,
  job: Pick<Job, 'id'>,
  parents: Parents,
  owner: string | undefined,
): Promise<string[]> {
  const owned = owner === undefined ? sql`` : sql`AND jobs.owner = ${owner}`;
  const { rows } = await sql<{ id: string }>`
    SELECT awaited.id FROM bulk.jobs job, LATERAL (${unfinishedParents(parents)}) awaited
    JOIN bulk.jobs USING (id) WHERE job.id = ${job.id} ${owned} ORDER BY jobs.seq`.execute(db);
  return rows.map((row) => row.id);
}

/** Application name of a process's queue connections: by it the others see that the process lives. */
export const queueName = (runner: string) => `bulk queue ${runner}`;

/** An entry that was just fetched belongs to somebody who has not yet said so. */
const justFetched = '2 seconds';

/**
 * Puts back in line the entries that nobody works on: of a process that has no connection any more (killed, or its machine
 * gone), those whose fetching or whose end was lost with a connection. Sooner than missing heartbeats would tell, and no
 * harm when somebody does work on one: that attempt finds itself overtaken, and a job that has ended stays as it is.
 * @param running jobs that run in this process.
 */
export async function requeueOrphaned(
  tx: Transaction<Database>,
  { runner, running }: { runner: string; running: readonly string[] },
): Promise<void> {
  await sql`
    UPDATE pgboss.job entry SET state = 'retry', start_after = now()
    FROM bulk.jobs job
    WHERE entry.name = job.type AND entry.singleton_key = job.id::text AND entry.state = 'active'
      AND entry.started_on < now() - ${justFetched}::interval AND job.id <> ALL (${arrayLiteral(running)}::uuid[])
      AND (job.status <> 'processing' OR job.runner = ${runner} OR NOT EXISTS (
        SELECT FROM pg_stat_activity
        WHERE datname = current_database() AND application_name = ${queueName('')} || job.runner))`.execute(tx);
}
