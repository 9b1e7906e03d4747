// Writes one parsed chunk in one transaction: checkpoint, references, rows, row errors, counters. The checkpoint makes
// a repetition a no-op; the counters, written last, make a cancelled or overtaken attempt roll back.
//
// Three ways, each only when the one before met a row that the table refuses:
//   direct   COPY at once, nothing asked before;
//   probed   keys and references looked up first, what conflicts left out;
//   in parts what remains is a rule that only the database knows: the rows are loaded in parts under savepoints, by
//            which the refused ones are found.
import { insertCheckpoint } from '../../db/chunks.ts';
import type { Sql, TransactionSql } from '../../db/client.ts';
import type { ConstraintNames } from '../../db/constraint-names.ts';
import { copyInto } from '../../db/copy.ts';
import type { GiveWay } from '../../db/give-way.ts';
import { addProgress, type Job } from '../../db/jobs.ts';
import { lockReferenced } from '../../db/probes.ts';
import type { ReferenceCheck } from '../../db/reference-check.ts';
import { verdictOf } from '../../db/sqlstate.ts';
import { rowErrorColumns } from '../../db/tables.ts';
import type { ParsedChunk } from '../../workers/messages.ts';
import { RowErrorWriter } from '../../workers/row-error.ts';
import type { AttemptObserver } from '../job-observer.ts';
import { rowTarget } from '../resource-table.ts';
import { type Resource, referencesOf } from '../resources/resource.ts';
import type { ChunkPlace } from './chunk-pipeline.ts';
import { selectRows } from './chunk-rows.ts';
import { Overtaken } from './job-fault.ts';
import { loadInParts } from './load-in-parts.ts';
import { resolveConflicts } from './resolve-conflicts.ts';

/** What the chunks of one attempt have in common. */
export interface LoadContext {
  sql: Sql;
  job: Job;
  resource: Resource;
  references: ReferenceCheck['mode'];
  constraints: ConstraintNames;
  giveWay: GiveWay;
  /** The process stops, or hands the job on. A chunk that is being loaded is finished, unless that takes long. */
  signal: AbortSignal;
  observer: Pick<AttemptObserver, 'stagePassed'>;
  /**
   * The last chunks had conflicts, so the next ones are probed before they are copied. Probing a million users takes as
   * long again as loading them: a chunk without conflicts ends it (bench/README.md, "Conflicts").
   */
  probeFirst: boolean;
}

export interface LoadedChunk {
  /** Rows that the table took; 0 for a chunk that had been committed before. */
  loaded: number;
  /** Of these, how many a trigger of the table's owner dropped, or put elsewhere. */
  diverted: number;
  rejected: number;
  /** Errors of the whole job so far. */
  jobErrors: number;
}

type Way = 'direct' | 'probed' | 'in parts';

/**
 * @param contested the chunk waited for another one that shares a key with it.
 * @throws Overtaken when the job was cancelled or another attempt runs it; the signal's reason; the database's error.
 */
export async function loadChunk(
  context: LoadContext,
  chunk: ChunkPlace,
  parsed: ParsedChunk,
  contested: boolean,
): Promise<LoadedChunk> {
  const first: Way = context.probeFirst || contested || parsed.keysRepeat ? 'probed' : 'direct';
  for (const way of ['direct', 'probed', 'in parts'] as const) {
    if (way === 'direct' && first !== 'direct') continue;
    try {
      let writtenAt = 0;
      const done = await context.sql.begin(async (tx) => {
        const written = await load(context, tx as TransactionSql, chunk, parsed, way);
        writtenAt = performance.now();
        return written;
      });
      context.observer.stagePassed(chunk.index, 'commit', performance.now() - writtenAt);
      return done;
    } catch (error) {
      if (way === 'in parts' || verdictOf(error) !== 'row') throw error;
      context.probeFirst = true;
    }
  }
  throw new Error('unreachable: the last way returns or throws');
}

async function load(
  context: LoadContext,
  tx: TransactionSql,
  chunk: ChunkPlace,
  parsed: ParsedChunk,
  way: Way,
): Promise<LoadedChunk> {
  const { job, resource } = context;
  const pid = await insertCheckpoint(tx, {
    job_id: job.id,
    chunk: chunk.index,
    byte_start: chunk.byteStart,
    byte_end: chunk.byteEnd,
    first_line: chunk.firstLine,
    last_line: chunk.lastLine,
    first_record: chunk.firstRecord,
    records: chunk.records,
  });
  if (pid === null) return { loaded: 0, diverted: 0, rejected: 0, jobErrors: 0 };
  await context.giveWay(pid);

  const asSet = context.references === 'set';
  let accepted: Uint8Array | null = null;
  let kept = 0;
  const errors = new RowErrorWriter(job.id);
  let startedAt = performance.now();
  const pass = (stage: 'look_up' | 'copy') => {
    context.observer.stagePassed(chunk.index, stage, performance.now() - startedAt);
    startedAt = performance.now();
  };
  if (way !== 'direct' || (asSet && !(await lockAllReferenced(tx, resource, parsed)))) {
    accepted = await resolveConflicts(tx, resource, parsed, asSet, (error) => errors.write(error));
    if (way === 'probed') context.probeFirst = errors.count > 0;
  }
  pass('look_up');
  // The references are checked and their rows held: the per-row triggers would find the same (db/reference-check.ts).
  if (asSet) await tx`SET LOCAL session_replication_role = replica`;

  if (way === 'in parts') {
    const found = await loadInParts(context, tx, parsed, accepted ?? new Uint8Array(parsed.rows).fill(1));
    ({ loaded: accepted, kept } = found);
    for (const error of found.errors) errors.write(error);
  } else {
    const rows = accepted?.includes(0) ? selectRows(parsed, rowsOf(accepted)) : parsed.copy;
    if (rows.length > 0) kept = await copyInto(tx, rowTarget(resource), rows);
  }
  pass('copy');

  const errorTexts = [parsed.errors.copy, errors.copy].filter((text) => text.length > 0);
  if (errorTexts.length > 0)
    await copyInto(tx, { schema: 'bulk', table: 'row_errors', columns: rowErrorColumns }, ...errorTexts);

  const loaded = accepted ? accepted.reduce((sum, one) => sum + one, 0) : parsed.rows;
  const rejected = parsed.rejected + parsed.rows - loaded;
  const jobErrors = await addProgress(tx, job, {
    successful: loaded,
    failed: rejected,
    errors: parsed.errors.count + errors.count,
    reachedBytes: chunk.sourceEnd,
  });
  if (jobErrors === null) throw new Overtaken();
  return { loaded, diverted: loaded - kept, rejected, jobErrors };
}

/** The numbers of the rows that are accepted. */
function rowsOf(accepted: Uint8Array): number[] {
  return [...accepted.keys()].filter((row) => accepted[row] === 1);
}

async function lockAllReferenced(tx: TransactionSql, resource: Resource, parsed: ParsedChunk): Promise<boolean> {
  for (const { field, resource: parent } of referencesOf(resource)) {
    const sent = parsed.references.find((reference) => reference.field === field);
    if (sent && !(await lockReferenced(tx, parent, sent))) return false;
  }
  return true;
}
