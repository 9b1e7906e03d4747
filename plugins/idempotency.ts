// Idempotency-Key (draft-ietf-httpapi-idempotency-key-header-07): a request that is sent again makes no second job. Its key
// is held by a lease while the request is received, renewed so that an upload may take its time, and bound to the job in
// the transaction that makes it. A process that dies leaves a lease that lapses. The statements are in
// db/idempotency-keys.ts.
import { randomUUID } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import type { Transaction } from 'kysely';
import { claimKey, completeKey, type HeldKey, type KeyName, releaseKey, renewLease } from '../db/idempotency-keys.ts';
import type { Database } from '../db/tables.ts';
import { problem } from '../src/problems.ts';

export interface IdempotencyOptions {
  /** How long a key stays held after its holder's last sign of life. Default 60 seconds. */
  leaseMs?: number;
}

/** What a request has of its key. Without the header all of it does nothing. */
export interface Claim {
  /** The job that an earlier request with this key made, and the fingerprint of that request. */
  readonly earlier?: { jobId: string; fingerprint: string };
  /**
   * Binds the key to the job, in the transaction that makes it.
   * @throws Problem idempotency_key_in_use when the lease has lapsed and another request took over: roll back.
   */
  complete(tx: Transaction<Database>, fingerprint: string, jobId: string): Promise<void>;
  /** To be called however the request ends: frees a key that has no job. Never throws. */
  release(): Promise<void>;
}

declare module 'fastify' {
  interface FastifyInstance {
    idempotency: {
      /** @throws Problem invalid_idempotency_key; idempotency_key_in_use while another request holds the key. */
      claim(request: FastifyRequest): Promise<Claim>;
    };
  }
}

const maxKeyLength = 255;
const inUseRetrySeconds = 5;
const nothing = async () => {};
const noClaim: Claim = { complete: nothing, release: nothing };

export default fp<IdempotencyOptions>(
  async (app, { leaseMs = 60_000 }) => {
    const { db, config } = app;
    const ttlMs = config.ttl.idempotencyMs;

    async function claim(request: FastifyRequest): Promise<Claim> {
      const name = keyOf(request);
      if (!name) return noClaim;
      const held = { ...name, lease_token: randomUUID() };
      const claimed = await claimKey(db, held, { leaseMs, ttlMs });
      if (claimed.status === 'in_use') throw inUse();
      if (claimed.status === 'done') {
        const { jobId, fingerprint } = claimed;
        return { earlier: { jobId, fingerprint }, complete: nothing, release: nothing };
      }
      return hold(held, request);
    }

    function hold(held: HeldKey, { log }: FastifyRequest): Claim {
      const renewal = setInterval(() => {
        renewLease(db, held, leaseMs).then(
          (stillHeld) => stillHeld || clearInterval(renewal),
          (error) => log.warn({ err: error }, 'The lease of an Idempotency-Key could not be renewed'),
        );
      }, leaseMs / 3);
      renewal.unref();
      return {
        async complete(tx, fingerprint, jobId) {
          if (!(await completeKey(tx, held, { fingerprint, jobId, ttlMs }))) throw inUse();
        },
        async release() {
          clearInterval(renewal);
          try {
            // Also after complete(): its transaction may have been rolled back.
            await releaseKey(db, held);
          } catch (error) {
            // The request has its answer already; the key is free when its lease lapses.
            log.warn({ err: error }, 'An Idempotency-Key could not be released');
          }
        },
      };
    }

    app.decorate('idempotency', { claim });
  },
  { name: 'idempotency', dependencies: ['auth', 'database'] },
);

/** @throws Problem idempotency_key_reused when the key was first used for another request. */
export function assertSameRequest({ earlier }: Claim, fingerprint: string): void {
  if (earlier && earlier.fingerprint !== fingerprint) {
    throw problem(
      'idempotency_key_reused',
      'this Idempotency-Key was used for a request that asked for something else',
    );
  }
}

/** @throws Problem invalid_idempotency_key. */
function keyOf({ headers, apiKey, method, routeOptions }: FastifyRequest): KeyName | null {
  const key = headers['idempotency-key'];
  if (key === undefined) return null;
  if (typeof key !== 'string' || key.length > maxKeyLength || !/^[\x20-\x7e]+$/.test(key)) {
    throw problem('invalid_idempotency_key', `Idempotency-Key must be 1 to ${maxKeyLength} printable ASCII characters`);
  }
  return { owner: apiKey?.name ?? '', route: `${method} ${routeOptions.url}`, key };
}

function inUse(): Error {
  const detail = 'a request with this Idempotency-Key is still being received; try again when it has ended';
  return problem('idempotency_key_in_use', detail, {}, { 'retry-after': String(inUseRetrySeconds) });
}
