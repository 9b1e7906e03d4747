// The torture: one PostgreSQL and one or two service processes that live through round after round. In each round files
// are imported and tables exported while faults happen at random moments; then everything is set right, and what came of
// it is held against an undisturbed run of the same files.
import { mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { openPool, type Sql } from '../../db/client.ts';
import { verdictOf } from '../../db/sqlstate.ts';
import { Random, streamOf } from '../../testdata/random.ts';
import { environment } from '../environment.ts';
import {
  checkCancelled,
  checkExports,
  checkImports,
  checkSnapshot,
  type Digests,
  differences,
  digestsOf,
  findFiles,
  findLeftovers,
  findOrphans,
} from './checks.ts';
import { Client } from './client.ts';
import { drawFault, faults } from './faults.ts';
import { type FileSet, makeFiles } from './files.ts';
import { OwnPostgres } from './own-postgres.ts';
import { Services } from './services.ts';
import { startWork } from './workload.ts';

export interface TortureOptions {
  seed: number;
  /** Records per file. */
  size: number;
  /** How many sets of files take turns. */
  fileSets: number;
  /** A round has from 2 to so many; default 5. */
  maxFaults?: number;
  /** Gives up, in order. */
  signal?: AbortSignal;
}

export interface RoundReport {
  faults: string[];
  /** What is wrong; empty when all is well. */
  findings: string[];
  durationMs: number;
  /** From the last fault set right until all jobs had ended and nothing was left over. */
  recoveryMs: number;
  attempts: number;
  streamed: number;
  brokenStreams: number;
}

/** Nothing that is right takes as long. */
const patienceMs = 90_000;

export class Torture {
  readonly #options: TortureOptions;
  readonly #folder: string;
  readonly #postgres: OwnPostgres;
  readonly #sql: Sql;
  readonly #services: Services;
  readonly #variants: { files: FileSet; undisturbed: Digests }[] = [];

  private constructor(options: TortureOptions, folder: string, postgres: OwnPostgres) {
    this.#options = options;
    this.#folder = folder;
    this.#postgres = postgres;
    this.#sql = openPool(postgres.connection, { max: 3, name: 'torture' });
    const env = environment(postgres.connection, join(folder, 'service'));
    this.#services = new Services({ ...env, LOG_LEVEL: 'info', SHUTDOWN_TIMEOUT: '10s' });
  }

  /** Starts the server and a process, and imports every file undisturbed. */
  static async start(options: TortureOptions): Promise<Torture> {
    const folder = await mkdtemp(join(tmpdir(), 'bulk-torture-'));
    const torture = new Torture(options, folder, await OwnPostgres.start(join(folder, 'database')));
    try {
      await torture.#services.start(new Random(streamOf(options.seed, 'undisturbed'), 0));
      for (let n = 0; n < options.fileSets; n++) torture.#variants.push(await torture.#undisturbed(n));
      return torture;
    } catch (error) {
      await torture.close();
      throw error;
    }
  }

  /** Writes what the processes have logged so far beside the folder that close() deletes. @returns where. */
  async keepLogs(): Promise<string> {
    const path = `${this.#folder}.log`;
    await writeFile(
      path,
      this.#services.logs.flatMap((lines) => lines.map((line) => `${JSON.stringify(line)}\n`)).join(''),
    );
    return path;
  }

  async close(): Promise<void> {
    await this.#services.close();
    await this.#sql.end({ timeout: 1 });
    await this.#postgres.delete();
    await rm(this.#folder, { recursive: true, force: true, maxRetries: 5 });
  }

  async #undisturbed(variant: number): Promise<{ files: FileSet; undisturbed: Digests }> {
    const { seed, size } = this.#options;
    const files = makeFiles(seed * 1_000 + variant, size);
    const findings: string[] = [];
    const client = this.#client(new Random(streamOf(seed, 'undisturbed'), variant), findings);
    const imports = new Map<FileSet[keyof FileSet], string>();
    for (const file of [files.users, files.articles, files.comments]) {
      const form = () => {
        const body = new FormData();
        body.set('resource', file.resource);
        body.set('file', new Blob([file.text]), file.name);
        return { body };
      };
      const signal = AbortSignal.timeout(patienceMs);
      imports.set(file, await client.makeJob('/v1/imports', `undisturbed ${variant} ${file.name}`, form, signal));
    }
    await this.#rest(findings, this.#options.signal);
    const work = { records: 0, imports, cancelled: false, exports: [], streamed: [], brokenStreams: 0 };
    findings.push(...(await checkImports(client, work, files, AbortSignal.timeout(patienceMs))));
    if (findings.length > 0) throw new Error(`an undisturbed import goes wrong: ${findings.join('; ')}`);
    const undisturbed = await digestsOf(this.#sql, files, imports);
    await this.#forget();
    return { files, undisturbed };
  }

  /** @param number settles, with the seed, what happens; not when it meets what the service does at that time. */
  async round(number: number): Promise<RoundReport> {
    const { seed } = this.#options;
    const startedAt = performance.now();
    const randomOf = (name: string) => new Random(streamOf(seed, name), number);
    const random = randomOf('faults');
    const { files, undisturbed } = this.#variants[number % this.#variants.length]!;
    const findings: string[] = [];
    const broken = new AbortController();
    const given = this.#options.signal ? [this.#options.signal] : [];
    const signal = AbortSignal.any([broken.signal, AbortSignal.timeout(patienceMs), ...given]);

    const wanted = random.between(1, 2);
    while (this.#services.running.length < wanted) await this.#services.start(randomOf('settings'));

    const client = this.#client(randomOf('client'), findings);
    const { work, accepted, stop } = startWork(client, files, randomOf('work'), `round ${number}`, signal);
    const happened: string[] = [];
    try {
      const mending: Promise<void>[] = [];
      const count = random.between(2, this.#options.maxFaults ?? 5);
      // Anywhere in the work, whatever the speed of the machine.
      const places = Array.from({ length: count }, () => random.below(work.records)).sort((a, b) => a - b);
      for (const [n, place] of places.entries()) {
        await this.#reached(place);
        await pause(random.below(30));
        const name = drawFault(random, happened);
        happened.push(name);
        const victims = {
          postgres: this.#postgres,
          sql: this.#sql,
          services: this.#services,
          random: randomOf(`fault ${n}`),
        };
        const mended = faults[name]!.run(victims).catch((error: unknown) => {
          // The torture's own connection may be among the victims.
          if (verdictOf(error) !== 'transient') throw error;
        });
        mending.push(mended);
        // The server has only one life at a time.
        if (/database/.test(name)) await mended;
      }
      await Promise.all(mending);
      if (this.#services.running.length === 0) await this.#services.start(randomOf('settings'));
      await accepted;
    } catch (error) {
      findings.push(`the round broke off: ${(error as Error).stack}`);
      broken.abort(error);
      await accepted.catch(() => {});
    }
    const mendedAt = performance.now();
    if (findings.length === 0) await this.#rest(findings, signal);
    const recoveryMs = performance.now() - mendedAt;
    await stop();

    const sql = this.#sql;
    if (findings.length === 0) {
      findings.push(...(await checkImports(client, work, files, signal)));
      findings.push(...differences(await digestsOf(sql, files, work.imports), undisturbed));
      findings.push(...(await checkCancelled(sql, work, files.cancelled)));
      findings.push(...(await checkExports(client, sql, work, signal)));
      for (const stream of work.streamed) findings.push(...(await checkSnapshot(sql, work.imports, stream)));
      for (const { child } of this.#services.running) {
        if (child.exitCode !== null) findings.push(`a process ended by itself, with ${child.exitCode}`);
      }
    }
    const [tried] = await sql<{ attempts: number }[]>`SELECT coalesce(sum(attempt), 0)::int AS attempts FROM bulk.jobs`;
    if (findings.length === 0) await this.#forget();
    return {
      faults: happened,
      findings,
      durationMs: performance.now() - startedAt,
      recoveryMs,
      attempts: tried?.attempts ?? 0,
      streamed: work.streamed.length,
      brokenStreams: work.brokenStreams,
    };
  }

  /**
   * Half-written files of processes that died, and whole ones whose job came to nothing, stay for an hour, as they might
   * get their job yet. As if that had passed: a process that starts then finds them.
   */
  async checkOrphans(): Promise<string[]> {
    const sql = this.#sql;
    const old = new Date(Date.now() - 2 * 3_600_000);
    for (const file of await findFiles(this.#folders)) await utimes(file, old, old);
    const service = await this.#services.start(new Random(streamOf(this.#options.seed, 'orphans'), 0));
    const giveUpAt = performance.now() + 10_000;
    let orphans = await findOrphans(sql, this.#folders);
    while (orphans.length > 0 && performance.now() < giveUpAt) {
      await pause(20);
      orphans = await findOrphans(sql, this.#folders);
    }
    await service.stop('SIGKILL');
    return orphans.map((file) => `${file} belongs to no job and stays`);
  }

  get #folders(): string[] {
    return ['uploads', 'exports'].map((name) => join(this.#folder, 'service', name));
  }

  #client(random: Random, findings: string[]): Client {
    return new Client({
      random,
      findings,
      addresses: () => this.#services.running.map(({ url }) => url),
      lapseLeases: async () => {
        await this.#sql`UPDATE bulk.idempotency_keys SET lease_until = now() WHERE job_id IS NULL`.catch(() => {
          // The server is away: it will be asked again.
        });
      },
    });
  }

  /** Waits until so many records have been committed, or nothing goes on: then it may be for a fault to set that right. */
  async #reached(records: number): Promise<void> {
    const giveUpAt = performance.now() + 700;
    while (performance.now() < giveUpAt) {
      const found = await this.#sql<{ done: boolean }[]>`
        SELECT coalesce(sum(records), 0) >= ${records} AS done FROM bulk.chunks`.catch(() => []);
      if (found[0]?.done) return;
      await pause(10);
    }
  }

  /** Waits until no job runs and nothing is left over. */
  async #rest(findings: string[], signal?: AbortSignal): Promise<void> {
    const giveUpAt = performance.now() + patienceMs;
    for (;;) {
      const left = await findLeftovers(this.#sql).catch((error: Error) => [`the database: ${error.message}`]);
      if (left.length === 0) return;
      if (signal?.aborted || performance.now() > giveUpAt) {
        findings.push(...left.map((what) => `left over: ${what}`));
        return;
      }
      await pause(50);
      if (
        process.env.DIAG &&
        performance.now() > giveUpAt - patienceMs + 3000 &&
        Math.floor(performance.now() / 20) % 50 === 0
      ) {
        console.log(left.join(' | '));
        console.table(
          await this
            .#sql`SELECT pid, application_name, state, wait_event, left(query, 60) q, age(now(), state_change)::text FROM pg_stat_activity WHERE application_name LIKE 'bulk%'`.catch(
            () => [],
          ),
        );
      }
    }
  }

  /** So that the next round starts from nothing. Files that belong to no job stay, for checkOrphans() to find. */
  async #forget(): Promise<void> {
    const orphans = new Set(await findOrphans(this.#sql, this.#folders));
    const files = await findFiles(this.#folders);
    await Promise.all(files.filter((file) => !orphans.has(file)).map(async (file) => await rm(file, { force: true })));
    await this.#sql`TRUNCATE users, articles, comments, bulk.jobs, bulk.chunks, bulk.row_errors, bulk.idempotency_keys`;
  }
}
