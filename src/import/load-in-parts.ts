// Finds the rows that the database refuses by a rule of its own (a CHECK, a domain, a unique index or a trigger that
// the resource does not know, a neighbour's row that appeared meanwhile), and loads the others. Each part is copied
// under a savepoint. COPY usually names the refused line: what is before it is loaded, and it begins the next part; where
// it does not (checks at the end of the statement), the part is halved. A part is never longer than twice the last that
// was loaded, so that the work grows with the rows, however many of them are refused.
import type { TransactionSql } from '../../db/client.ts';
import { copyInto } from '../../db/copy.ts';
import { holdsJob } from '../../db/jobs.ts';
import { verdictOf } from '../../db/sqlstate.ts';
import type { ParsedChunk } from '../../workers/messages.ts';
import { constraintError, duplicateError, type RowError, referenceError } from '../../workers/row-error.ts';
import { rowTarget } from '../resource-table.ts';
import { resourceNamed } from '../resources/index.ts';
import { referencesOf } from '../resources/resource.ts';
import { inFileOrder, placeOf, selectRows, valueReader } from './chunk-rows.ts';
import { Overtaken } from './job-fault.ts';
import type { LoadContext } from './load-chunk.ts';

type PartsContext = Pick<LoadContext, 'resource' | 'constraints' | 'job' | 'signal'>;

/** What the driver tells of a refused row. */
interface Refusal extends Error {
  code: string;
  constraint_name?: string;
  column_name?: string;
  where?: string;
}

/** How often it is looked at whether all this is still wanted: a row that is refused takes a millisecond. */
const lookMs = 500;

/**
 * @param accepted 1 for each row to load; not changed.
 * @returns the same without the rows that were refused; how many of the others were kept; the errors in file order.
 * @throws the signal's reason; Overtaken: this may take much longer than a chunk does elsewhere, and is given up.
 */
export async function loadInParts(
  context: PartsContext,
  tx: TransactionSql,
  chunk: ParsedChunk,
  accepted: Uint8Array,
): Promise<{ loaded: Uint8Array; kept: number; errors: RowError[] }> {
  const { resource, signal, job } = context;
  const target = rowTarget(resource);
  const loaded = accepted.slice();
  const errors: RowError[] = [];
  // Deferred constraints would otherwise refuse the commit, naming no row.
  await tx`SET CONSTRAINTS ALL IMMEDIATE`;

  const rows = inFileOrder(chunk).filter((row) => accepted[row] === 1);
  let kept = 0;
  let lookedAt = performance.now();
  for (let [from, length] = [0, rows.length]; from < rows.length; ) {
    if (performance.now() - lookedAt > lookMs) {
      signal.throwIfAborted();
      if (!(await holdsJob(tx, job))) throw new Overtaken();
      lookedAt = performance.now();
    }
    const part = rows.slice(from, from + length);
    const { copied, refusal } = await attempt(
      tx,
      async (savepoint) => await copyInto(savepoint, target, selectRows(chunk, part)),
    );
    if (!refusal) {
      kept += copied;
      from += part.length;
      length = 2 * part.length;
      continue;
    }
    const line = lineOf(refusal, resource.name);
    const before = line !== null && line <= part.length ? line - 1 : part.length >> 1;
    // Nothing of its part came before it.
    if (before === 0) {
      const row = part[0] as number;
      loaded[row] = 0;
      errors.push(explain(context, chunk, row, refusal));
      from++;
    }
    length = before || Math.max(part.length >> 1, 1);
  }
  return { loaded, kept, errors };
}

/** @returns the rows that were kept, or the refusal, after rolling back to where it began. @throws what is not about the rows. */
async function attempt(tx: TransactionSql, copy: (tx: TransactionSql) => Promise<number>) {
  try {
    const copied = await tx.savepoint(async (savepoint) => await copy(savepoint as TransactionSql));
    return { copied, refusal: null };
  } catch (error) {
    if (verdictOf(error) !== 'row') throw error;
    return { copied: 0, refusal: error as Refusal };
  }
}

/** The line of the COPY data that the server names in the error's context: `COPY users, line 3, column email: …`. */
function lineOf({ where }: Refusal, table: string): number | null {
  const context = where?.split('\n').find((line) => line.startsWith(`COPY ${table}, line `));
  const line = Number.parseInt(context?.slice(`COPY ${table}, line `.length) ?? '', 10);
  return Number.isSafeInteger(line) && line > 0 ? line : null;
}

function explain({ resource, constraints }: PartsContext, chunk: ParsedChunk, row: number, refusal: Refusal): RowError {
  const place = placeOf(chunk, row);
  const name = refusal.constraint_name ?? '';
  const key = refusal.code === '23505' ? constraints.keys.get(name) : undefined;
  if (key) return duplicateError(place, key, valueReader(resource, chunk, key)(row));
  const reference = refusal.code === '23503' ? constraints.references.get(name) : undefined;
  const parent = referencesOf(resource).find(({ field }) => field === reference);
  if (parent)
    return referenceError(
      place,
      parent.field,
      resourceNamed(parent.resource).singular,
      valueReader(resource, chunk, parent.field)(row),
    );
  const column = refusal.column_name ?? /, column ([^\s:]+)/.exec(refusal.where ?? '')?.[1] ?? null;
  return constraintError(place, column, name || refusal.message);
}
