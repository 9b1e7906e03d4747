// What must hold when everything has come to rest: each record is one row or one rejected record, the counters say so,
// and nothing is left over. Every check returns what is wrong, in words.
import { readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { arrayLiteral } from '../../db/array-literal.ts';
import type { Sql } from '../../db/client.ts';
import type { ImportStatus } from '../client.ts';
import type { Client } from './client.ts';
import { type FileSet, loadedIds, type TortureFile } from './files.ts';
import { idsIn, type Work } from './workload.ts';

/** The rows and row errors of the files, to the last letter. */
export interface Digests {
  [what: string]: string;
}

/** @param imports job ids by file. */
export async function digestsOf(sql: Sql, files: FileSet, imports: ReadonlyMap<TortureFile, string>): Promise<Digests> {
  const digests: Digests = {};
  for (const file of [files.users, files.articles, files.comments]) {
    const others = file === files.users ? [...loadedIds(files.cancelled)] : [];
    const [rows] = await sql<{ digest: string }[]>`
      SELECT count(*) || ' ' || coalesce(md5(string_agg(t::text, '|' ORDER BY id)), '') AS digest
      FROM ${sql(file.resource)} t WHERE id <> ALL (${arrayLiteral(others)}::uuid[])`;
    const [errors] = await sql<{ digest: string }[]>`
      SELECT count(*) || ' ' || coalesce(md5(string_agg(concat_ws('|', record, n, line, field, code, message, value), '|' ORDER BY record, n)), '') AS digest
      FROM bulk.row_errors WHERE job_id = ${imports.get(file) ?? null}`;
    digests[`rows of ${file.name}`] = rows?.digest ?? '';
    digests[`row errors of ${file.name}`] = errors?.digest ?? '';
  }
  return digests;
}

export function differences(found: Digests, expected: Digests): string[] {
  return Object.keys(expected).flatMap((what) =>
    found[what] === expected[what] ? [] : [`${what}: ${found[what]}, undisturbed ${expected[what]}`],
  );
}

/** The jobs as clients see them. */
export async function checkImports(
  client: Client,
  { imports }: Work,
  files: FileSet,
  signal: AbortSignal,
): Promise<string[]> {
  const wrong: string[] = [];
  for (const file of [files.users, files.articles, files.comments]) {
    const job = await client.json<ImportStatus>(`/v1/imports/${imports.get(file)}`, signal);
    const expected = {
      status: 'completed',
      total_records: file.records,
      processed: file.records,
      successful: file.records - file.rejected,
      failed: file.rejected,
      error_count: file.rowErrors,
      progress_pct: 100,
    };
    for (const [name, value] of Object.entries(expected)) {
      const found = job[name as keyof ImportStatus];
      if (found !== value)
        wrong.push(`import of ${file.name}: ${name} is ${found}, not ${value} ${JSON.stringify(job.failure ?? '')}`);
    }
  }
  return wrong;
}

/** Keeps what was committed, whole chunks of it, and says exactly what that was. */
export async function checkCancelled(sql: Sql, { imports, cancelled }: Work, file: TortureFile): Promise<string[]> {
  const jobId = imports.get(file) ?? null;
  const [job] = await sql<{ status: string; successful: number; failed: number }[]>`
    SELECT status, successful, failed FROM bulk.jobs WHERE id = ${jobId}`;
  const rows = await sql<
    { id: string }[]
  >`SELECT id FROM users WHERE id = ANY (${arrayLiteral(loadedIds(file))}::uuid[])`;
  const committed = (await chunkRanges(sql, jobId)).reduce((sum, { records }) => sum + records, 0);
  const status = cancelled ? /^cancelled$/ : /^(cancelled|completed)$/;
  return [
    ...(status.test(job?.status ?? '') ? [] : [`the cancelled import is ${job?.status}`]),
    ...(job && job.successful === rows.length && job.failed === 0 && committed === rows.length
      ? []
      : [
          `the cancelled import has ${rows.length} rows, ${committed} records in chunks, and says ${JSON.stringify(job)}`,
        ]),
    ...(await checkSnapshot(sql, imports, { resource: 'users', ids: rows.map(({ id }) => id) })),
  ];
}

/** Files of export jobs: the bytes that were announced. */
export async function checkExports(
  client: Client,
  sql: Sql,
  { exports, imports }: Work,
  signal: AbortSignal,
): Promise<string[]> {
  const wrong: string[] = [];
  for (const id of exports) {
    const job = await client.json<Record<string, unknown>>(`/v1/exports/${id}`, signal);
    if (job.status !== 'completed') {
      wrong.push(`export ${id} is ${job.status} ${JSON.stringify(job.failure ?? '')}`);
      continue;
    }
    const response = await fetch(`${client.address()}${job.download_url}`);
    const bytes = new Uint8Array(await response.arrayBuffer());
    const sha256 = Buffer.from(await crypto.subtle.digest('SHA-256', bytes)).toString('hex');
    if (sha256 !== job.sha256 || bytes.length !== job.bytes) {
      wrong.push(`export ${id}: ${bytes.length} bytes with ${sha256}, said to be ${job.bytes} with ${job.sha256}`);
      continue;
    }
    const gzipped = bytes[0] === 0x1f;
    const body = gzipped ? new Response(bytes).body!.pipeThrough(new DecompressionStream('gzip')) : bytes;
    const ids = idsIn(await new Response(body).text());
    if (ids.length !== job.total_records) wrong.push(`export ${id}: ${ids.length} records, not ${job.total_records}`);
    wrong.push(...(await checkSnapshot(sql, imports, { resource: String(job.resource), ids })));
  }
  return wrong;
}

/** An export is one snapshot: of every chunk all rows or none. */
export async function checkSnapshot(
  sql: Sql,
  imports: ReadonlyMap<TortureFile, string>,
  { resource, ids }: { resource: string; ids: readonly string[] },
): Promise<string[]> {
  const unexplained = new Set(ids);
  const wrong =
    unexplained.size === ids.length ? [] : [`${resource} exported with ${ids.length - unexplained.size} rows twice`];
  for (const [file, jobId] of imports) {
    if (file.resource !== resource) continue;
    for (const { first_record, records } of await chunkRanges(sql, jobId)) {
      const loaded = file.ids.slice(first_record - 1, first_record - 1 + records).filter((id) => id !== null);
      const found = loaded.filter((id) => unexplained.delete(id)).length;
      if (found !== 0 && found !== loaded.length)
        wrong.push(
          `${resource} exported with ${found} of ${loaded.length} rows of the chunk at record ${first_record} of ${file.name}`,
        );
    }
  }
  if (unexplained.size > 0) wrong.push(`${resource} exported with ${unexplained.size} rows that no chunk has`);
  return wrong;
}

export async function chunkRanges(sql: Sql, jobId: string | null) {
  return await sql<{ first_record: number; records: number }[]>`
    SELECT first_record, records FROM bulk.chunks WHERE job_id = ${jobId} ORDER BY chunk`;
}

/** Whatever was posted, and however often: one job each. */
export async function checkJobs(sql: Sql, { imports, exports }: Work): Promise<string[]> {
  const posted = [...imports.values(), ...exports];
  const found = (await sql<{ id: string }[]>`SELECT id FROM bulk.jobs`).map(({ id }) => id);
  return found.filter((id) => !posted.includes(id)).map((id) => `nobody was told of the job ${id}`);
}

/** Jobs, queue entries, sessions and locks that should be gone. */
export async function findLeftovers(sql: Sql): Promise<string[]> {
  const found = await sql<{ what: string }[]>`
    SELECT 'job ' || id || ' is ' || status AS what FROM bulk.jobs WHERE status IN ('pending', 'processing')
    UNION ALL
    SELECT 'queue entry of job ' || singleton_key || ' is ' || state FROM pgboss.job
    WHERE name IN ('import', 'export') AND state IN ('created', 'retry', 'active')
    UNION ALL
    SELECT 'session ' || application_name || ' is ' || state FROM pg_stat_activity
    WHERE application_name ~ '^bulk [0-9a-f]{8}-' OR (application_name LIKE 'bulk%' AND state LIKE 'idle in transaction%')
    UNION ALL
    SELECT 'advisory lock of ' || coalesce(application_name, '?') FROM pg_locks JOIN pg_stat_activity USING (pid)
    WHERE locktype = 'advisory' AND application_name LIKE 'bulk%' AND state LIKE 'idle%'
    UNION ALL
    SELECT 'Idempotency-Key ' || key || ' has no job' FROM bulk.idempotency_keys WHERE job_id IS NULL AND lease_until > now()`;
  return found.map(({ what }) => what);
}

/** All files in the folders. */
export async function findFiles(folders: readonly string[]): Promise<string[]> {
  const files = await Promise.all(
    folders.map(async (folder) => (await readdir(folder)).map((name) => join(folder, name))),
  );
  return files.flat();
}

/** Files in storage that no job names. */
export async function findOrphans(sql: Sql, folders: readonly string[]): Promise<string[]> {
  const files = await findFiles(folders);
  const named = new Set(
    (await sql<{ file: string }[]>`SELECT file FROM bulk.jobs WHERE file IS NOT NULL`).map(({ file }) => file),
  );
  return files.filter((file) => !named.has(basename(file)));
}
