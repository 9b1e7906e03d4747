// Opens an export's rows as a stream of bytes. One COPY statement is one snapshot: whatever is written meanwhile, the
// rows belong together. The stream fails when the database does; it never ends early as if it were complete.
import { once } from 'node:events';
import { pipeline, type Readable } from 'node:stream';
import type { Sql } from '../../db/client.ts';
import { copyOut } from '../../db/copy.ts';
import type { Slots } from '../slots.ts';
import { encodeRows, frameRows } from './encode-rows.ts';
import type { ExportRequest } from './parse-selection.ts';

/** The connections that exports read from. */
export interface RowSource {
  pool: Sql;
  /** One for each connection of the pool: who waits, waits here, where it can be told and given up. */
  slots: Slots;
}

export interface OpenedRows {
  /** The file. Destroying it ends the statement and frees its connection. */
  bytes: Readable;
  /** How many records it has, once `bytes` has ended. */
  countRecords(): number;
}

/** No connection became free in the time given. */
export class ConnectionsBusy extends Error {}

/**
 * Resolves once the first bytes are there, so that a statement that fails at once is an error and not a broken stream.
 * @param signal gives up waiting for a connection, and ends the statement.
 * @param waitMs how long to wait for a connection; default: as long as it takes.
 * @throws ConnectionsBusy; the signal's reason; PostgreSQL's error.
 */
export async function openRows(
  source: RowSource,
  { resource, format, selection }: ExportRequest,
  { signal, waitMs }: { signal: AbortSignal; waitMs?: number },
): Promise<OpenedRows> {
  const release = await acquire(source.slots, signal, waitMs);
  try {
    const rows = await copyOut(source.pool, encodeRows(resource, selection, format), signal);
    rows.once('close', release);
    await once(rows, 'readable');
    const frame = frameRows(format);
    // A failure of either stream destroys the other with the same error; the caller meets it on the one returned.
    return { bytes: frame ? pipeline(rows, frame, () => {}) : rows, countRecords: () => rows.count };
  } catch (error) {
    release();
    throw error;
  }
}

async function acquire(slots: Slots, signal: AbortSignal, waitMs?: number): Promise<() => void> {
  if (waitMs === undefined) return await slots.acquire(signal);
  const timeout = AbortSignal.timeout(waitMs);
  try {
    return await slots.acquire(AbortSignal.any([signal, timeout]));
  } catch (error) {
    if (timeout.aborted && !signal.aborted) throw new ConnectionsBusy('all connections for exports are in use');
    throw error;
  }
}
