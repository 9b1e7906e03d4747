// Opens the output of COPY statements as a stream of bytes. All of it is one snapshot: whatever is written
// meanwhile, the rows belong together. The stream fails when the database does; it never ends early as if complete.
import { once } from 'node:events';
import type { Sql } from '../../db/client.ts';
import { type CopiedRows, copyOut } from '../../db/copy.ts';
import { copyHalves, type TablePart, wholeTable } from '../../db/copy-halves.ts';
import type { Slots } from '../slots.ts';
import { MergedRows } from './merge-rows.ts';

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
export async function openCopy(source: RowSource, statement: string, options: OpenOptions): Promise<CopiedRows> {
  return await withSlot(source.slots, options, async () => await copyOut(source.pool, statement, options.signal));
}

/** Connections that are left for others before one export takes a second. */
const leftConnections = 2;

/**
 * As openCopy, of all rows of a table in no order: over two connections where the table is large and they are free.
 * @param table quoted for SQL.
 */
export async function openTable(
  source: RowSource,
  table: string,
  statementOf: (part: TablePart) => string,
  options: OpenOptions,
): Promise<CopiedRows> {
  const { pool, slots } = source;
  return await withSlot(slots, options, async () => {
    const releaseSecond = slots.tryAcquire(leftConnections);
    if (!releaseSecond) return await copyOut(pool, statementOf(wholeTable), options.signal);
    try {
      const parts = await copyHalves(pool, table, statementOf, options.signal);
      const [whole, second] = parts;
      if (second) onceClosed(second, releaseSecond);
      else releaseSecond();
      return second ? new MergedRows(parts) : whole!;
    } catch (error) {
      releaseSecond();
      throw error;
    }
  });
}

async function withSlot(slots: Slots, options: OpenOptions, open: () => Promise<CopiedRows>): Promise<CopiedRows> {
  const release = await acquireConnection(slots, options);
  try {
    const rows = await open();
    onceClosed(rows, release);
    if (rows.errored) throw rows.errored;
    await once(rows, 'readable');
    return rows;
  } catch (error) {
    release();
    throw error;
  }
}

/** What has failed since it was opened may have closed already. */
function onceClosed(rows: CopiedRows, release: () => void): void {
  if (rows.closed) release();
  else rows.once('close', release);
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
