// Two COPY statements that share one snapshot, each for half of a table's pages: as consistent as one statement, and two
// processes of the server format the rows (PostgreSQL manual, "Snapshot Synchronization Functions"). Both hold the table's
// lock before either reads a row: were it rewritten (VACUUM FULL, CLUSTER) or emptied (TRUNCATE) between the two, some of
// its rows would come twice or not at all.
import type { ReservedSql } from 'postgres';
import type { Sql } from './client.ts';
import { type CopiedRows, copyFrom, copyOut, reserveSession } from './copy.ts';
import { sqlstateOf } from './sqlstate.ts';

/** Of a table that is worth two sessions: 16 MiB take a tenth of a second to read out. */
const leastPages = 2048;

const begin = 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY';

/**
 * A session has sent its half and waits for a slow reader to take it: idle to PostgreSQL, and no reason to end it.
 * NOWAIT as pg_dump's workers do: who waits for the table between the two sessions waits for the first one to end.
 */
const hold = (table: string) =>
  `SET LOCAL idle_in_transaction_session_timeout = 0; LOCK TABLE ${table} IN ACCESS SHARE MODE NOWAIT`;

/** Somebody else has the table, or waits for it; the role may read its columns, but has no right to the table itself. */
const lockRefused = new Set(['55P03', '42501']);

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
 * @returns the parts' rows; one part of a table that is small, has no pages of its own (it is partitioned), or is locked by somebody.
 * @throws as copyOut.
 */
export async function copyHalves(
  sql: Sql,
  table: string,
  statementOf: (part: TablePart) => string,
  signal?: AbortSignal,
): Promise<CopiedRows[]> {
  const sessions = await openHalves(sql, table, signal);
  if (!sessions) return [await copyOut(sql, statementOf(wholeTable), signal)];
  // From here on each session is given back by its COPY.
  const { first, second, middle } = sessions;
  return await allOrNone([
    copyFrom(first, statementOf({ condition: `ctid < ${middle}`, first: true }), signal, 'ROLLBACK'),
    copyFrom(second, statementOf({ condition: `ctid >= ${middle}`, first: false }), signal, 'ROLLBACK'),
  ]);
}

/** @returns two sessions that see the same of a table, and where they divide it; null: one statement has to do. */
async function openHalves(sql: Sql, table: string, signal?: AbortSignal) {
  const opened: ReservedSql[] = [];
  let failure: unknown;
  const open = async (statement: string) => {
    const session = await reserveSession(sql, signal);
    opened.push(session);
    await session.unsafe(`${statement}; ${hold(table)}`);
    return session;
  };
  try {
    const first = await open(begin);
    const [found] = await first<{ pages: number; snapshot: string }[]>`
      SELECT (pg_relation_size(${table}::text::regclass) / current_setting('block_size')::bigint)::float8 AS pages,
        pg_export_snapshot() AS snapshot`;
    const { pages, snapshot } = found!;
    if (pages >= leastPages) {
      const second = await open(`${begin}; SET TRANSACTION SNAPSHOT '${snapshot}'`);
      return { first, second, middle: `'(${Math.floor(pages / 2)},0)'::tid` };
    }
  } catch (error) {
    failure = error;
  }
  await Promise.all(opened.map(endSession));
  if (failure !== undefined && !lockRefused.has(sqlstateOf(failure))) throw failure;
  return null;
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
