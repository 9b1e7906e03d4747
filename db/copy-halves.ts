// Two COPY statements that share one snapshot, each for half of a table's pages: as consistent as one statement, and two
// processes of the server format the rows (PostgreSQL manual, "Snapshot Synchronization Functions").
import type postgres from 'postgres';
import type { ReservedSql } from 'postgres';
import type { Sql } from './client.ts';
import { type CopiedRows, copyFrom, reserveSession } from './copy.ts';

/** Of a table that is worth two sessions: 16 MiB take a tenth of a second to read out. */
const leastPages = 2048;

const begin = 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY';

/** Some of a table's rows. */
export interface TablePart {
  /** What holds for them; null: all rows. */
  condition: string | null;
  /** Whether a header belongs before them. */
  first: boolean;
}

export const wholeTable: TablePart = { condition: null, first: true };

/**
 * Takes up to two connections of the pool. Resolves when the server begins to send.
 * @param table quoted for SQL.
 * @param statementOf COPY … TO STDOUT of a part.
 * @returns the parts' rows; one part of a table that is small, or has no pages of its own (a view, a partitioned table).
 * @throws as copyOut.
 */
export async function copyHalves(
  sql: Sql,
  table: string,
  statementOf: (part: TablePart) => string,
  signal?: AbortSignal,
): Promise<CopiedRows[]> {
  const first = await beginSession(sql, begin, signal);
  const split = await splitTable(sql, first, table, signal).catch(async (error) => {
    await endSession(first);
    throw error;
  });
  // From here on each session is given back by its COPY.
  if (!split) return [await copyFrom(first, statementOf(wholeTable), signal, 'ROLLBACK')];
  const { second, middle } = split;
  return await allOrNone([
    copyFrom(first, statementOf({ condition: `ctid < ${middle}`, first: true }), signal, 'ROLLBACK'),
    copyFrom(second, statementOf({ condition: `ctid >= ${middle}`, first: false }), signal, 'ROLLBACK'),
  ]);
}

/** @returns another session that sees what the first one sees, and where they divide the table; null: not worth it. */
async function splitTable(sql: Sql, first: ReservedSql, table: string, signal?: AbortSignal) {
  const asking = first<{ pages: number; snapshot: string }[]>`
    SELECT (pg_relation_size(${table}::text::regclass) / current_setting('block_size')::bigint)::float8 AS pages,
      pg_export_snapshot() AS snapshot`;
  const [found] = await unlessCancelled(asking, signal);
  const { pages, snapshot } = found!;
  if (pages < leastPages) return null;
  const second = await beginSession(sql, `${begin}; SET TRANSACTION SNAPSHOT '${snapshot}'`, signal);
  return { second, middle: `'(${Math.floor(pages / 2)},0)'::tid` };
}

/** The size waits for whoever has locked the table; so the signal must reach the server. */
async function unlessCancelled<T extends readonly postgres.MaybeRow[]>(
  query: postgres.PendingQuery<T>,
  signal: AbortSignal | undefined,
): Promise<T> {
  let cancelled: Promise<void> | undefined;
  // When no request can be sent, the query ends when the lock does.
  const cancel = () => {
    cancelled = query.cancel()?.catch(() => {});
  };
  signal?.addEventListener('abort', cancel, { once: true });
  try {
    return await query;
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  } finally {
    signal?.removeEventListener('abort', cancel);
    // The server may act on it late: by then the session must not run somebody else's statement.
    await cancelled;
  }
}

async function beginSession(sql: Sql, statement: string, signal?: AbortSignal): Promise<ReservedSql> {
  const session = await reserveSession(sql, signal);
  try {
    await session.unsafe(statement);
    return session;
  } catch (error) {
    await endSession(session);
    throw error;
  }
}

async function endSession(session: ReservedSql): Promise<void> {
  // Without its connection the session has no transaction to end.
  await session.unsafe('ROLLBACK').catch(() => {});
  session.release();
}

async function allOrNone(opening: Promise<CopiedRows>[]): Promise<CopiedRows[]> {
  const opened = await Promise.allSettled(opening);
  const failed = opened.find((outcome) => outcome.status === 'rejected');
  const rows = opened.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
  if (!failed) return rows;
  for (const part of rows) part.destroy();
  throw failed.reason;
}
