// Short statements that look after the service, on a connection of their own: they neither wait for a pool that is busy
// nor keep it busy. Each has a time limit; a connection that goes silent is given up and replaced, so that the next
// statement does not wait behind the one before.
import { type Connection, openPool, type Sql } from './client.ts';

/** What waits for somebody's lock is not kept up for, since whoever asks next waits behind it. */
const lockTimeoutMs = 200;

export class NoAnswer extends Error {
  constructor(timeoutMs: number) {
    super(`no answer within ${timeoutMs} ms`);
    this.name = 'NoAnswer';
  }
}

export class MonitorConnection {
  readonly #connection: Connection;
  #sql: Sql;

  constructor(connection: Connection) {
    this.#connection = connection;
    this.#sql = this.#open();
  }

  /** @throws NoAnswer after `timeoutMs`; the error of `work`. */
  async run<T>(work: (sql: Sql) => Promise<T>, timeoutMs: number): Promise<T> {
    const sql = this.#sql;
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(() => late.reject(new NoAnswer(timeoutMs)), timeoutMs);
    try {
      return await Promise.race([work(sql), late.promise]);
    } catch (error) {
      if (error instanceof NoAnswer && this.#sql === sql) {
        this.#sql = this.#open();
        await sql.end({ timeout: 0 });
      }
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  async close(): Promise<void> {
    await this.#sql.end({ timeout: 1 });
  }

  #open(): Sql {
    return openPool(this.#connection, { max: 1, name: 'bulk monitor', lockTimeoutMs });
  }
}
