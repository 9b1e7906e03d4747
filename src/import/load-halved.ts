// Finds the rows that the database refuses by a rule of its own (a CHECK, a domain, a unique index or a trigger that
// the resource does not know, a neighbour's row that appeared meanwhile), and loads the others. Each part is copied
// under a savepoint. COPY usually names the refused line: the part is cut there, so the whole costs two COPYs a refused
// row; where it does not (checks at the end of the statement), the part is halved.
import type { TransactionSql } from '../../db/client.ts';
import { copyInto } from '../../db/copy.ts';
import { verdictOf } from '../../db/sqlstate.ts';
import type { ParsedChunk } from '../../workers/messages.ts';
import { constraintError, duplicateError, type RowError, referenceError } from '../../workers/row-error.ts';
import { rowTarget } from '../resource-table.ts';
import { resourceNamed } from '../resources/index.ts';
import { referencesOf } from '../resources/resource.ts';
import { inFileOrder, placeOf, selectRows, valueReader } from './chunk-rows.ts';
import type { LoadContext } from './load-chunk.ts';

/** What the driver tells of a refused row. */
interface Refusal extends Error {
  code: string;
  constraint_name?: string;
  column_name?: string;
  where?: string;
}

/**
 * @param accepted 1 for each row to load; not changed.
 * @returns the same without the rows that were refused; the errors in file order.
 */
export async function loadHalved(
  context: Pick<LoadContext, 'resource' | 'constraints'>,
  tx: TransactionSql,
  chunk: ParsedChunk,
  accepted: Uint8Array,
): Promise<{ loaded: Uint8Array; errors: RowError[] }> {
  const { resource } = context;
  const target = rowTarget(resource);
  const loaded = accepted.slice();
  const errors: RowError[] = [];
  // Deferred constraints would otherwise refuse the commit, naming no row.
  await tx`SET CONSTRAINTS ALL IMMEDIATE`;

  const rows = inFileOrder(chunk).filter((row) => accepted[row] === 1);
  const parts: [from: number, to: number][] = [[0, rows.length]];
  for (let part = parts.pop(); part; part = parts.pop()) {
    const [from, to] = part;
    if (from >= to) continue;
    const first = rows[from] as number;
    const refusal = await attempt(tx, async (savepoint) => {
      await copyInto(savepoint, target, selectRows(chunk, rows.slice(from, to)));
    });
    if (!refusal) continue;
    if (to - from === 1) {
      loaded[first] = 0;
      errors.push(explain(context, chunk, first, refusal));
      continue;
    }
    const named = lineOf(refusal, resource.name);
    const cut = named !== null && named <= to - from ? from + named - 1 : null;
    // Last in, first out: the earlier part is loaded first, so that the first one wins here as well.
    if (cut === null) parts.push([from + ((to - from) >> 1), to], [from, from + ((to - from) >> 1)]);
    else parts.push([cut + 1, to], [cut, cut + 1], [from, cut]);
  }
  return { loaded, errors: errors.sort((a, b) => a.record - b.record) };
}

/** @returns the refusal, after rolling back to where it began. @throws what is not about the rows. */
async function attempt(tx: TransactionSql, run: (tx: TransactionSql) => Promise<void>): Promise<Refusal | null> {
  try {
    await tx.savepoint(async (savepoint) => await run(savepoint as TransactionSql));
    return null;
  } catch (error) {
    if (verdictOf(error) !== 'row') throw error;
    return error as Refusal;
  }
}

/** The line of the COPY data that the server names in the error's context: `COPY users, line 3, column email: …`. */
function lineOf({ where }: Refusal, table: string): number | null {
  const context = where?.split('\n').find((line) => line.startsWith(`COPY ${table}, line `));
  const line = Number.parseInt(context?.slice(`COPY ${table}, line `.length) ?? '', 10);
  return Number.isSafeInteger(line) && line > 0 ? line : null;
}

function explain(
  { resource, constraints }: Pick<LoadContext, 'resource' | 'constraints'>,
  chunk: ParsedChunk,
  row: number,
  refusal: Refusal,
): RowError {
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
