// The torture: one PostgreSQL and one or two service processes that live through round after round. In each round files
// are imported and tables exported while faults happen at random moments; then everything is set right, and what came of
// it is held against an undisturbed run of the same files.
import { mkdir, mkdtemp, rm, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { openPool, type Sql } from '../../db/client.ts';
import { Random, streamOf } from '../../testdata/random.ts';
import { environment } from '../environment.ts';
import {
  checkCancelled,
  checkExports,
  checkImports,
  checkJobs,
  checkSnapshot,
  type Digests,
  differences,
  digestsOf,
  findFiles,
  findOrphans,
} from './checks.ts';
import { Client } from './client.ts';
import { countRecords } from './count-records.ts';
import { disturb } from './disturb.ts';
import { faultNames } from './faults.ts';
import { type FileSet, makeFiles } from './files.ts';
import { OwnPostgres } from './own-postgres.ts';
import type { RoundReport } from './report.ts';
import { Services } from './services.ts';
import { awaitRest, countAttempts, writeState } from './state.ts';
import { startWork, type Work } from './workload.ts';

export interface TortureOptions {
  seed: number;
  /** Records per file. */
  size: number;
  /** How many sets of files take turns. */
  fileSets: number;
  /** A round has from 2 to so many; default 5. */
  maxFaults?: number;
  /** Names of those that may come; default all. */
  faults?: readonly string[];
  /** Gives up, in order. */
  signal?: AbortSignal;
  /** Told as soon as there is something to kill(). */
  onStart?(torture: Torture): void;
}

/** Nothing that is right takes as long, once all faults are set right. */
const patienceMs = 120_000;
/** For a whole round. */
const roundMs = 300_000;

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
    options.onStart?.(torture);
    try {
      await torture.#services.start(new Random(streamOf(options.seed, 'undisturbed'), 0));
      for (let n = 0; n < options.fileSets; n++) torture.#variants.push(await torture.#undisturbed(n));
      return torture;
    } catch (error) {
      await torture.close();
      throw error;
    }
  }

  /** Keeps logs, and the jobs as they are, beside the folder that close() deletes. @returns where. */
  async keepLogs(): Promise<string> {
    const folder = `${this.#folder}-logs`;
    await mkdir(folder, { recursive: true });
    await this.#services.writeLogs(folder);
    await this.#postgres.writeLog(folder);
    await writeState(this.#sql, folder);
    return folder;
  }

  /** Ends all that was started, at once, and leaves the folder: for a process that has no time to close(). */
  kill(): void {
    this.#services.kill();
    this.#postgres.kill();
  }

  /** @throws when a service's response was not as documented; all is closed then as well. */
  async close(): Promise<void> {
    try {
      await this.#services.close();
    } finally {
      await this.#sql.end({ timeout: 1 });
      await this.#postgres.delete();
      await rm(this.#folder, { recursive: true, force: true, maxRetries: 5 });
    }
  }

  async #undisturbed(variant: number): Promise<{ files: FileSet; undisturbed: Digests }> {
    const { seed, size, signal: given } = this.#options;
    const files = makeFiles(seed * 1_000 + variant, size);
    const findings: string[] = [];
    const client = this.#client(new Random(streamOf(seed, 'undisturbed'), variant), findings);
    const imports = new Map<FileSet[keyof FileSet], string>();
    const signal = AbortSignal.any([AbortSignal.timeout(patienceMs), ...(given ? [given] : [])]);
    for (const file of [files.users, files.articles, files.comments]) {
      const form = () => {
        const body = new FormData();
        body.set('resource', file.resource);
        body.set('file', new Blob([file.text]), file.name);
        return { body };
      };
      imports.set(file, await client.makeJob('/v1/imports', `undisturbed ${variant} ${file.name}`, form, signal));
    }
    findings.push(...(await awaitRest(this.#sql, patienceMs, signal)).left);
    const work = { records: 0, imports, cancelled: false, exports: [], streamed: [], brokenStreams: 0 };
    findings.push(...(await checkImports(client, work, files, signal)));
    if (findings.length > 0) throw new Error(`an undisturbed import goes wrong: ${findings.join('; ')}`);
    const undisturbed = await digestsOf(this.#sql, files, imports);
    await this.#forget();
    return { files, undisturbed };
  }

  /**
   * @param number settles, with the seed, what happens; not when it meets what the service does at that time.
   * @throws the reason of the signal when it gives up.
   */
  async round(number: number): Promise<RoundReport> {
    const { seed, maxFaults = 5, faults: names = faultNames, signal: given } = this.#options;
    const startedAt = performance.now();
    const randomOf = (name: string) => new Random(streamOf(seed, name), number);
    const { files, undisturbed } = this.#variants[number % this.#variants.length]!;
    const findings: string[] = [];
    const broken = new AbortController();
    const signal = AbortSignal.any([broken.signal, AbortSignal.timeout(roundMs), ...(given ? [given] : [])]);

    const wanted = randomOf('processes').between(1, 2);
    while (this.#services.running.length < wanted) await this.#services.start(randomOf('settings'));
    // Faults that overlap may each have started one.
    for (const surplus of this.#services.running.slice(wanted)) await surplus.stop('SIGKILL');

    const client = this.#client(randomOf('client'), findings);
    const { work, accepted, stop } = startWork(client, files, randomOf('work'), `round ${number}`, signal);
    const happened: string[] = [];
    try {
      const victims = {
        postgres: this.#postgres,
        sql: this.#sql,
        services: this.#services,
        signal,
        report: (finding: string) => void findings.push(finding),
      };
      await disturb(victims, { randomOf, records: work.records, maxFaults, names }, happened);
      if (this.#services.running.length === 0) await this.#services.start(randomOf('settings'));
      await accepted;
    } catch (error) {
      broken.abort(error);
      // It fails for the same reason, or for one that came of it.
      await accepted.catch(() => {});
      findings.push(`the round broke off: ${(error as Error).stack}`);
    }
    const mendedAt = performance.now();
    const rest = findings.length === 0 ? await awaitRest(this.#sql, patienceMs, signal) : { left: [], last: [] };
    findings.push(...rest.left);
    const recoveryMs = performance.now() - mendedAt;
    await stop();
    given?.throwIfAborted();

    const isQuiet = findings.length === 0;
    const records = isQuiet ? await countRecords(this.#sql, files, work.imports) : null;
    if (isQuiet) findings.push(...(await this.#check(client, work, files, undisturbed, signal)));
    if (records && records.lost + records.doubled > 0)
      findings.push(`of ${records.checked} records ${records.lost} are lost and ${records.doubled} doubled`);
    const attempts = await countAttempts(this.#sql);
    if (findings.length === 0) await this.#forget();
    return {
      faults: happened,
      findings,
      durationMs: performance.now() - startedAt,
      recoveryMs,
      waitedFor: rest.last,
      records,
      jobs: work.imports.size + work.exports.length,
      attempts,
      brokenPosts: client.brokenPosts,
      streamed: work.streamed.length,
      brokenStreams: work.brokenStreams,
    };
  }

  async #check(client: Client, work: Work, files: FileSet, undisturbed: Digests, signal: AbortSignal) {
    const sql = this.#sql;
    const wrong = [
      ...(await checkImports(client, work, files, signal)),
      ...differences(await digestsOf(sql, files, work.imports), undisturbed),
      ...(await checkJobs(sql, work)),
      ...(await checkCancelled(sql, work, files.cancelled)),
      ...(await checkExports(client, sql, work, signal)),
    ];
    for (const stream of work.streamed) wrong.push(...(await checkSnapshot(sql, work.imports, stream)));
    return wrong;
  }

  /**
   * Half-written files of processes that died, and whole ones whose job came to nothing, stay for an hour, as they might
   * get their job yet. As if that had passed: a process that starts then finds them, or, when another was killed while it
   * looked for such files, as soon as that one's silence is noticed (plugins/job-queue.ts).
   */
  async checkOrphans(): Promise<string[]> {
    const sql = this.#sql;
    const old = new Date(Date.now() - 2 * 3_600_000);
    for (const file of await findFiles(this.#folders)) await utimes(file, old, old);
    const service = await this.#services.start(new Random(streamOf(this.#options.seed, 'orphans'), 0));
    const giveUpAt = performance.now() + 60_000;
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

  /** So that the next round starts from nothing. Files that belong to no job stay, for checkOrphans() to find. */
  async #forget(): Promise<void> {
    const orphans = new Set(await findOrphans(this.#sql, this.#folders));
    const files = await findFiles(this.#folders);
    await Promise.all(files.filter((file) => !orphans.has(file)).map(async (file) => await rm(file, { force: true })));
    this.#services.forgetLogs();
    await this.#sql`TRUNCATE users, articles, comments, bulk.jobs, bulk.chunks, bulk.row_errors, bulk.idempotency_keys`;
  }
}
