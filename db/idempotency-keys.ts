// Idempotency keys. A key is held by a lease while its request is received and done once a job exists for it; either
// way there is one row, and whoever wants it is told by one statement which of the two it is, or that it is theirs now.
import { type Kysely, sql } from 'kysely';
import { interval } from './interval.ts';
import type { Database, IdempotencyKeysTable } from './tables.ts';

type Db = Kysely<Database>;

/** A key belongs to an API key (`owner`, empty without keys) and a route. */
export type KeyName = Pick<IdempotencyKeysTable, 'owner' | 'route' | 'key'>;

/** A key and the token of the lease by which a request holds it. */
export type HeldKey = KeyName & Pick<IdempotencyKeysTable, 'lease_token'>;

export type ClaimedKey =
  | { status: 'claimed' }
  | { status: 'in_use' }
  | { status: 'done'; jobId: string; fingerprint: string };

/**
 * Claims a key that is new, expired, or whose lease has lapsed because its holder died. The row lock that ON CONFLICT
 * takes makes simultaneous claims queue up, and those behind a holder that is just completing see its job.
 */
export async function claimKey(db: Db, held: HeldKey, { leaseMs, ttlMs }: { leaseMs: number; ttlMs: number }) {
  const free = sql`(CASE WHEN key.job_id IS NULL THEN key.lease_until ELSE key.expires_at END <= now())`;
  const { rows } = await sql<Pick<IdempotencyKeysTable, 'lease_token' | 'job_id' | 'fingerprint'>>`
    INSERT INTO bulk.idempotency_keys AS key (owner, route, key, lease_until, lease_token, expires_at)
    VALUES (${held.owner}, ${held.route}, ${held.key}, now() + ${interval(leaseMs)}, ${held.lease_token}::uuid,
      now() + ${interval(ttlMs)})
    ON CONFLICT (owner, route, key) DO UPDATE SET
      job_id = CASE WHEN ${free} THEN NULL ELSE key.job_id END,
      fingerprint = CASE WHEN ${free} THEN NULL ELSE key.fingerprint END,
      lease_until = CASE WHEN ${free} THEN excluded.lease_until ELSE key.lease_until END,
      lease_token = CASE WHEN ${free} THEN excluded.lease_token ELSE key.lease_token END,
      expires_at = CASE WHEN ${free} THEN excluded.expires_at ELSE key.expires_at END
    RETURNING key.lease_token, key.job_id, key.fingerprint`.execute(db);
  const { lease_token, job_id, fingerprint } = rows[0]!;
  if (lease_token === held.lease_token) return { status: 'claimed' } satisfies ClaimedKey;
  if (job_id === null || fingerprint === null) return { status: 'in_use' } satisfies ClaimedKey;
  return { status: 'done', jobId: job_id, fingerprint } satisfies ClaimedKey;
}

/** @returns whether the key is still held by this lease. */
export async function renewLease(db: Db, held: HeldKey, leaseMs: number): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('bulk.idempotency_keys')
    .set({ lease_until: sql<Date>`now() + ${interval(leaseMs)}` })
    .where(isHeld(held))
    .executeTakeFirst();
  return numUpdatedRows > 0n;
}

/** Part of the transaction that makes the job. @returns whether the key was still held; if not, roll back. */
export async function completeKey(
  tx: Db,
  held: HeldKey,
  { fingerprint, jobId, ttlMs }: { fingerprint: string; jobId: string; ttlMs: number },
): Promise<boolean> {
  const { numUpdatedRows } = await tx
    .updateTable('bulk.idempotency_keys')
    .set({ fingerprint, job_id: jobId, expires_at: sql<Date>`now() + ${interval(ttlMs)}` })
    .where(isHeld(held))
    .executeTakeFirst();
  return numUpdatedRows > 0n;
}

/** Frees a key that this lease still holds; one that is done, or somebody else's by now, stays. */
export async function releaseKey(db: Db, held: HeldKey): Promise<void> {
  await db.deleteFrom('bulk.idempotency_keys').where(isHeld(held)).execute();
}

function isHeld({ owner, route, key, lease_token }: HeldKey) {
  return sql<boolean>`owner = ${owner} AND route = ${route} AND key = ${key}
    AND lease_token = ${lease_token}::uuid AND job_id IS NULL`;
}
