// Checkpoints: one row per committed chunk of an import, written in the transaction that loads the chunk.
import type { Kysely } from 'kysely';
import type { TransactionSql } from './client.ts';
import { type ChunksTable, chunkColumns, type Database } from './tables.ts';

/** @returns the process of the session; null when the chunk had been committed before: there is nothing left to do for it. */
export async function insertCheckpoint(tx: TransactionSql, checkpoint: ChunksTable): Promise<number | null> {
  const c = checkpoint;
  const [inserted] = await tx<{ pid: number }[]>`
    INSERT INTO bulk.chunks (job_id, chunk, byte_start, byte_end, first_line, last_line, first_record, records)
    VALUES (${c.job_id}, ${c.chunk}, ${c.byte_start}, ${c.byte_end}, ${c.first_line}, ${c.last_line}, ${c.first_record}, ${c.records})
    ON CONFLICT DO NOTHING
    RETURNING pg_backend_pid() AS pid`;
  return inserted?.pid ?? null;
}

/** The committed chunks of a job, in file order. */
export async function findCheckpoints(db: Kysely<Database>, jobId: string): Promise<ChunksTable[]> {
  return await db.selectFrom('bulk.chunks').select(chunkColumns).where('job_id', '=', jobId).orderBy('chunk').execute();
}

export interface LineRange {
  from_line: number;
  /** null: to the end of the file. */
  to_line: number | null;
}

/**
 * The lines of a file that no committed chunk covers. Elements of a JSON array may share a line: there the line on
 * which a chunk ends may go on with records that were not looked at, and is named again.
 */
export async function findUnprocessedLines(
  db: Kysely<Database>,
  job: { id: string; format: string; total_records: number | null },
): Promise<LineRange[]> {
  const shared = job.format === 'json' ? 0 : 1;
  const ranges: LineRange[] = [];
  let next = 1;
  let expected = 0;
  let record = 0;
  for (const { chunk, first_line, last_line, first_record, records } of await findCheckpoints(db, job.id)) {
    if (chunk !== expected) ranges.push({ from_line: next, to_line: Math.max(next, first_line - shared) });
    expected = chunk + 1;
    next = last_line + shared;
    record = first_record + records - 1;
  }
  return record === job.total_records ? ranges : [...ranges, { from_line: next, to_line: null }];
}

/** The ordinal up to which all records of a job are committed, without a gap. */
export async function findGapFreeRecord(db: Kysely<Database>, jobId: string): Promise<number> {
  let record = 0;
  let expected = 0;
  for (const chunk of await findCheckpoints(db, jobId)) {
    if (chunk.chunk !== expected++) break;
    record = chunk.first_record + chunk.records - 1;
  }
  return record;
}
