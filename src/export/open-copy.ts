// Opens the output of a COPY statement as a stream of bytes. One statement is one snapshot: whatever is written
// meanwhile, the rows belong together. The stream fails when the database does; it never ends early as if complete.
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import type { Sql } from '../../db/client.ts';
import { copyOut } from '../../db/copy.ts';
import type { Slots } from '../slots.ts';

/** The connections that rows are streamed from. */
export interface RowSource {
  pool: Sql;
  /** One for each connection of the pool: who waits, waits here, where it can be told and given up. */
  slots: Slots;
}

export interface OpenOptions {
  /** Gives up waiting for a connection, and ends the statement. */
  signal: AbortSignal;
  /** How long to wait for a connection; default: as long as it takes. */
  waitMs?: number;
}

/** No connection became free in the time given. */
export class ConnectionsBusy extends Error {}

/**
 * Resolves once the first bytes are there, so that a statement that fails at once is an error and not a broken stream.
 * Destroying the stream ends the statement and frees its connection; `count` is the number of rows once it has ended.
 * @throws ConnectionsBusy; the signal's reason; PostgreSQL's error.
 */
export async function openCopy(
  source: RowSource,
  statement: string,
  options: OpenOptions,
): Promise<Readable & { count: number }> {
  const release = await acquireConnection(source.slots, options);
  try {
    const rows = await copyOut(source.pool, statement, options.signal);
    rows.once('close', release);
    await once(rows, 'readable');
    return rows;
  } catch (error) {
    release();
    throw error;
  }
}

/** @returns gives the connection's slot back. @throws ConnectionsBusy; the signal's reason. */
export async function acquireConnection(slots: Slots, { signal, waitMs }: OpenOptions): Promise<() => void> {
  if (waitMs === undefined) return await slots.acquire(signal);
  const timeout = AbortSignal.timeout(waitMs);
  try {
    return await slots.acquire(AbortSignal.any([signal, timeout]));
  } catch (error) {
    if (timeout.aborted && !signal.aborted) throw new ConnectionsBusy('all connections for streams of rows are in use');
    throw error;
  }
}
