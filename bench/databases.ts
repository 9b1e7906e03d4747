// Fresh databases: each measured import gets one, cloned file by file from a template that the service itself has
// migrated and that holds the parents' rows, vacuumed. Cloning ends with a checkpoint, so every side begins alike.
import { randomBytes } from 'node:crypto';
import { openPool, type Sql } from '../db/client.ts';
import type { Address } from '../src/database-url.ts';
import { resourceNamed } from '../src/resources/index.ts';
import type { ResourceName } from '../testdata/valid-records.ts';
import { type CopyClient, copyStatement } from './copy-client.ts';
import type { DataFiles } from './data-files.ts';
import { connectionTo, type DatabaseServer } from './database-server.ts';
import type { ServiceProcesses } from './service-process.ts';

export interface Contents {
  /** What is in the tables already, parents first. */
  loaded?: readonly ResourceName[];
  /** The service's role is no superuser and may not set session_replication_role. */
  restricted?: boolean;
}

interface DatabasesOptions {
  server: DatabaseServer;
  files: DataFiles;
  services: ServiceProcesses;
  copy: CopyClient;
  progress(message: string): void;
}

export class Databases {
  readonly #options: DatabasesOptions;
  readonly #templates = new Map<string, Promise<Address>>();
  readonly #made = new Set<string>();
  #restricted: Promise<Pick<Address, 'user' | 'password'>> | undefined;
  readonly #prefix = `bulk_bench_${randomBytes(4).toString('hex')}`;

  constructor(options: DatabasesOptions) {
    this.#options = options;
  }

  /** Makes a database, lets `work` use it in the service's role, and drops it. */
  async use<T>(contents: Contents, work: (database: Address) => Promise<T>): Promise<T> {
    const database = await this.#clone(await this.#template(contents));
    try {
      await this.#checkpoint();
      return await work(database);
    } finally {
      await this.#drop(database.database);
    }
  }

  async countRows(database: Address, resource: ResourceName): Promise<number> {
    return await this.#session(database, async (sql) => {
      const [row] = await sql<{ count: number }[]>`SELECT count(*) FROM ${sql(resource)}`;
      return row!.count;
    });
  }

  /** Drops whatever was made here. */
  async close(): Promise<void> {
    const { admin } = this.#options.server;
    for (const database of this.#made) await this.#drop(database);
    const restricted = await this.#restricted?.catch(() => undefined);
    if (restricted) await admin`DROP ROLE ${admin(restricted.user)}`;
  }

  #template({ loaded = [], restricted = false }: Contents): Promise<Address> {
    const key = [...loaded, restricted].join();
    const template = this.#templates.get(key) ?? this.#makeTemplate(loaded, restricted);
    this.#templates.set(key, template);
    return template;
  }

  async #makeTemplate(loaded: readonly ResourceName[], restricted: boolean): Promise<Address> {
    const { files, services, copy, progress } = this.#options;
    const resource = loaded.at(-1);
    if (resource === undefined) {
      const empty = await this.#createEmpty(restricted);
      await services.use(empty, async () => {});
      return empty;
    }
    const template = await this.#clone(await this.#template({ loaded: loaded.slice(0, -1), restricted }));
    const rows = await files.copyText(resource);
    progress(`loading ${files.sizeOf(resource)} ${resource} into a template database`);
    await copy.load(template, copyStatement(resourceNamed(resource)), rows);
    await this.#session(template, async (sql) => await sql`VACUUM (FREEZE, ANALYZE) ${sql(resource)}`);
    return template;
  }

  async #createEmpty(restricted: boolean): Promise<Address> {
    const { admin, address } = this.#options.server;
    const role = restricted ? await (this.#restricted ??= this.#createRole()) : address;
    const database = this.#name();
    await admin`CREATE DATABASE ${admin(database)} OWNER ${admin(role.user)}`;
    return { ...address, user: role.user, password: role.password, database };
  }

  async #clone(template: Address): Promise<Address> {
    const { admin } = this.#options.server;
    const database = this.#name();
    // The other strategy, through the log, would leave the log full for whoever is measured next.
    await admin`
      CREATE DATABASE ${admin(database)} TEMPLATE ${admin(template.database)} OWNER ${admin(template.user)}
      STRATEGY FILE_COPY`;
    return { ...template, database };
  }

  async #createRole(): Promise<Pick<Address, 'user' | 'password'>> {
    const { admin } = this.#options.server;
    const [user, password] = [this.#prefix, randomBytes(18).toString('hex')];
    await admin.unsafe(`CREATE ROLE ${user} LOGIN NOSUPERUSER PASSWORD '${password}'`);
    return { user, password };
  }

  #name(): string {
    const name = `${this.#prefix}_${this.#made.size}`;
    this.#made.add(name);
    return name;
  }

  async #drop(database: string): Promise<void> {
    const { admin } = this.#options.server;
    await admin`DROP DATABASE IF EXISTS ${admin(database)} WITH (FORCE)`;
  }

  async #checkpoint(): Promise<void> {
    const { admin, kind } = this.#options.server;
    try {
      await admin`CHECKPOINT`;
    } catch (error) {
      // An external server's administrator may keep this right; the clone's own checkpoint must do then.
      if (kind === 'embedded' || (error as { code?: string }).code !== '42501') throw error;
    }
  }

  /** In the administrator's role. */
  async #session<T>({ database }: Address, work: (sql: Sql) => PromiseLike<T>): Promise<T> {
    const sql = openPool(connectionTo({ ...this.#options.server.address, database }), { max: 1, name: 'bulk bench' });
    try {
      return await work(sql);
    } finally {
      await sql.end({ timeout: 5 });
    }
  }
}
