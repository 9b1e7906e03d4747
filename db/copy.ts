// The only COPY code: rows into a table, and the rows of a query out as a stream of bytes. Both keep the server's
// back-pressure, and neither ends as if complete when it is not. A COPY out has a session to itself, given back to the
// pool when the server is done with the statement, which may be after the stream was destroyed.
// Relies on the driver's repairs (patches/). Protocol: https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-COPY
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { PendingQuery, ReservedSql } from 'postgres';
import type { Sql, TransactionSql } from './client.ts';

export interface CopyTarget {
  /** Default: the search path decides. */
  schema?: string;
  table: string;
  columns: readonly string[];
}

/**
 * @param texts rows in COPY's text format, each text ending on the end of a row:
 *   https://www.postgresql.org/docs/current/sql-copy.html#SQL-COPY-FILE-FORMATS. Not copied, and free once this resolves.
 * @throws the server's error (`code`, `constraint_name`, `where` …); the driver's when the connection is lost.
 */
export async function copyInto(
  tx: TransactionSql,
  { schema, table, columns }: CopyTarget,
  ...texts: Uint8Array[]
): Promise<void> {
  const name = [...(schema === undefined ? [] : [schema]), table].map(quote).join('.');
  const rows = await tx.unsafe(`COPY ${name} (${columns.map(quote).join(', ')}) FROM STDIN`).writable();
  await pipeline(texts, rows);
}

function quote(identifier: string): string {
  return `"${identifier.replaceAll('"', '""')}"`;
}

/**
 * Resolves when the server has begun, before the first row is there. Destroying the stream ends the statement.
 * @param statement COPY … TO STDOUT.
 * @param signal gives up waiting for a connection, destroys the stream with its reason.
 * @throws the server's error; the signal's reason. What fails later destroys the stream with that error.
 */
export async function copyOut(sql: Sql, statement: string, signal?: AbortSignal): Promise<CopiedRows> {
  signal?.throwIfAborted();
  const session = await unlessAborted(sql.reserve(), signal, (late) => late.release());
  const copy = session.unsafe(statement);
  const outcome = outcomeOf(copy);
  outcome.over.then(() => session.release());
  try {
    const source = await unlessAborted(copy.readable(), signal, (late) => late.destroy());
    if (source.errored) throw source.errored;
    return new CopiedRows(source, outcome, signal);
  } catch (error) {
    outcome.end();
    throw error;
  }
}
