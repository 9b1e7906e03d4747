// The only COPY code: rows into a table, and the rows of a query out as a stream of bytes. Both keep the server's
// back-pressure, and neither ends as if complete when it is not. A COPY out has a session to itself, given back to the
// pool when the server is done with the statement, which may be after the stream was destroyed.
// Relies on the driver's repairs (patches/). Protocol: https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-COPY
import { Readable, Stream } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReservedSql } from 'postgres';
import type { Sql, TransactionSql } from './client.ts';

export interface CopyTarget {
  /** Default: the search path decides. */
  schema?: string;
  table: string;
  columns: readonly string[];
  /** Default: text. */
  format?: 'binary';
}

/** Signature, flags, length of the header's extension; and what ends the rows. */
const binaryHeader = Buffer.concat([Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1'), Buffer.alloc(8)]);
const binaryTrailer = Buffer.from([0xff, 0xff]);

/**
 * @param parts rows in COPY's text format, or in its binary format without header and trailer, each part ending on the
 *   end of a row: https://www.postgresql.org/docs/current/sql-copy.html#SQL-COPY-FILE-FORMATS. Not copied, and free once this resolves.
 * @returns how many rows were kept: fewer than there are when a trigger of the table drops some, or puts them elsewhere.
 * @throws the server's error (`code`, `constraint_name`, `where` …); the driver's when the connection is lost.
 */
export async function copyInto(
  tx: TransactionSql,
  { schema, table, columns, format }: CopyTarget,
  ...parts: Uint8Array[]
): Promise<number> {
  const name = [...(schema === undefined ? [] : [schema]), table].map(quote).join('.');
  const options = format === 'binary' ? ' (FORMAT binary)' : '';
  const query = tx.unsafe(`COPY ${name} (${columns.map(quote).join(', ')}) FROM STDIN${options}`);
  const completed = completionOf(query);
  // Told by the stream as well.
  completed.catch(() => {});
  const rows = await query.writable();
  await pipeline(format === 'binary' ? [binaryHeader, ...parts, binaryTrailer] : parts, rows);
  return await completed;
}

/**
 * The query's promise is settled with the stream; what the driver settles it with at the statement's end is heard here.
 * @param over told at once: by the time that a promise tells it the session may run another statement.
 * @returns the number of rows, once the server is done with the statement.
 */
function completionOf(query: ReturnType<Sql['unsafe']>, over: () => void = () => {}): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const driver = query as unknown as { resolve(value: unknown): void; reject(reason: unknown): void };
  const { resolve: settle, reject: refuse } = driver;
  driver.resolve = (value) => {
    settle(value);
    if (value instanceof Stream) return;
    over();
    resolve((value as { count: number }).count);
  };
  driver.reject = (reason) => {
    refuse(reason);
    over();
    reject(reason);
  };
  return promise;
}

function quote(identifier: string): string {
  return `"${identifier.replaceAll('"', '""')}"`;
}

/** The bytes of a COPY out, several rows at a time. */
export interface CopiedRows extends Readable {
  /** The server's count of the rows, once the stream has ended. */
  count: number;
}

/**
 * Resolves when the server begins to send. Destroying the stream ends the statement.
 * @param statement COPY … TO STDOUT.
 * @param signal gives up waiting for a connection, and destroys the stream with its reason.
 * @throws the server's error; the signal's reason. What fails later destroys the stream with that error.
 */
export async function copyOut(sql: Sql, statement: string, signal?: AbortSignal): Promise<CopiedRows> {
  return await copyFrom(await reserveSession(sql, signal), statement, signal);
}

/** @throws the signal's reason; the driver's error when no connection can be made. */
export async function reserveSession(sql: Sql, signal?: AbortSignal): Promise<ReservedSql> {
  signal?.throwIfAborted();
  const session = await unlessAborted(sql.reserve(), signal, (late) => late.release());
  if (!signal?.aborted) return session;
  session.release();
  throw signal.reason;
}

/**
 * As copyOut, in a session that is given back to the pool afterwards, in whatever way this ends.
 * @param beforeRelease the last statement of the session, of a transaction's end.
 */
export async function copyFrom(
  session: ReservedSql,
  statement: string,
  signal?: AbortSignal,
  beforeRelease?: 'ROLLBACK',
): Promise<CopiedRows> {
  const copy = runCopy(session, statement, beforeRelease);
  try {
    const source = await unlessAborted(copy.started, signal, (late) => late.destroy());
    if (source.errored) throw source.errored;
    return new Rows(source, copy, signal);
  } catch (error) {
    copy.end();
    throw error;
  }
}

/** @param discard takes what comes after the signal. */
async function unlessAborted<T>(
  work: Promise<T>,
  signal: AbortSignal | undefined,
  discard: (late: T) => void,
): Promise<T> {
  if (!signal) return await work;
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = () => {
    reject(signal.reason);
    // A failure that comes late has nobody left to hear it: the caller has the signal's reason.
    work.then(discard, () => {});
  };
  if (signal.aborted) abort();
  else signal.addEventListener('abort', abort, { once: true });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

interface RunningCopy {
  started: Promise<Readable>;
  /** Settles when the server is done with the statement: the number of rows. */
  finished: Promise<number>;
  /** Ends the statement unless it is over; idempotent. */
  end(): void;
}

/** Runs the statement in the session, and releases that when neither the statement nor its cancelling can follow. */
function runCopy(session: ReservedSql, statement: string, beforeRelease?: string): RunningCopy {
  const query = session.unsafe(statement);
  let running = true;
  const finished = completionOf(query, () => {
    running = false;
  });
  let cancelled: Promise<void> | undefined;
  const release = async () => {
    // The server may act on a cancel request late: by then the session must not run somebody else's statement.
    await cancelled;
    // Without its connection the session has no transaction to end either.
    if (beforeRelease) await session.unsafe(beforeRelease).catch(() => {});
    session.release();
  };
  finished.then(release, release);
  return {
    started: query.readable(),
    finished,
    end() {
      // When no request can be sent, the statement runs on to its end, its rows discarded.
      if (running) cancelled ??= query.cancel()?.catch(() => {});
    },
  };
}

/**
 * The driver's stream has a buffer for each row; this one passes on what has gathered there, and does not end before
 * the server has said that the statement succeeded.
 */
class Rows extends Readable implements CopiedRows {
  count = 0;
  #wanted = false;
  readonly #source: Readable;
  readonly #copy: RunningCopy;
  readonly #signal: AbortSignal | undefined;
  readonly #abort = () => this.destroy(this.#signal!.reason);

  constructor(source: Readable, copy: RunningCopy, signal?: AbortSignal) {
    super();
    this.#source = source;
    this.#copy = copy;
    this.#signal = signal;
    signal?.addEventListener('abort', this.#abort, { once: true });
    // A reader that comes later meets the failure then; until it does, the event would have nobody and end the process.
    this.on('error', () => {});
    const fail = (error: Error) => this.destroy(error);
    copy.finished.catch(fail);
    source
      .on('readable', () => this.#wanted && this._read())
      .on('error', fail)
      .on('end', () => copy.finished.then((count) => this.#finish(count), fail));
    if (signal?.aborted) this.#abort();
  }

  override _read(): void {
    const bytes = this.#source.read();
    this.#wanted = bytes === null;
    if (bytes !== null) this.push(bytes);
  }

  #finish(count: number): void {
    this.count = count;
    this.push(null);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#signal?.removeEventListener('abort', this.#abort);
    this.#source.destroy();
    this.#copy.end();
    done(error);
  }
}
