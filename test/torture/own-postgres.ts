// A PostgreSQL of the torture's own: what is done to it would hurt any other user. It always comes back on its first
// port, as a server does that its supervisor starts again.
import { readFileSync } from 'node:fs';
import { copyFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Connection } from '../../db/client.ts';
import { isRunning } from '../../db/embedded/processes.ts';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../db/embedded-postgres.ts';

/** Processes are killed here, the operating system is not: what it was given to write it does write. */
const settings = { fsync: 'off', full_page_writes: 'off', max_connections: 200, shared_buffers: '128MB' };

export class OwnPostgres {
  readonly #dataDir: string;
  #server: EmbeddedPostgres;

  private constructor(dataDir: string, server: EmbeddedPostgres) {
    this.#dataDir = dataDir;
    this.#server = server;
  }

  static async start(dataDir: string): Promise<OwnPostgres> {
    return new OwnPostgres(dataDir, await startEmbeddedPostgres({ dataDir, schema: 'public', settings }));
  }

  get connection(): Connection {
    return this.#server.connection;
  }

  /** Immediate shutdown (pg_ctl stop -m immediate): nothing is written out, the next start recovers. */
  async crash(): Promise<void> {
    const pid = this.kill();
    while (pid !== undefined && (await isRunning(pid))) await pause(5);
    await this.#server.stop();
  }

  /** The same without waiting for its end. @returns its pid; undefined when it does not run. */
  kill(): number | undefined {
    try {
      const pid = Number.parseInt(readFileSync(join(this.#dataDir, 'postgres/postmaster.pid'), 'utf8'), 10);
      process.kill(pid, 'SIGQUIT');
      return pid;
    } catch (error) {
      if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
      throw error;
    }
  }

  async writeLog(folder: string): Promise<void> {
    await copyFile(join(this.#dataDir, 'postgres.log'), join(folder, 'postgres.log'));
  }

  async restart(): Promise<void> {
    const { port } = this.connection;
    this.#server = await startEmbeddedPostgres({
      dataDir: this.#dataDir,
      schema: 'public',
      settings: { ...settings, port },
    });
  }

  async delete(): Promise<void> {
    await this.crash();
    await rm(this.#dataDir, { recursive: true, force: true, maxRetries: 5 });
  }
}
