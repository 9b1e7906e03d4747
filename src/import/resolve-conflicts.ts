// Finds out which rows of a chunk the table can take: keys and references are probed as sets, then the rows are gone
// through in file order. The first acceptable row with a key wins; a rejected row claims nothing.
import { arrayLiteral } from '../../db/array-literal.ts';
import type { TransactionSql } from '../../db/client.ts';
import { findExisting, findReferenced } from '../../db/probes.ts';
import type { ParsedChunk } from '../../workers/messages.ts';
import { duplicateError, type RowError, referenceError } from '../../workers/row-error.ts';
import { keyExpression } from '../resource-table.ts';
import { resourceNamed } from '../resources/index.ts';
import { type Field, type Resource, referencesOf } from '../resources/resource.ts';
import { inFileOrder, placeOf, valueReader } from './chunk-rows.ts';

/**
 * Rows whose keys are looked up at once. What a look-up leaves behind, some hundred bytes a row and key, is garbage before the
 * next one: with a chunk's 15,000 rows at once the process took a hundred megabytes more (bench/README.md, "Conflicts").
 */
const rowsAtOnce = 2048;

/**
 * @param lockParents hold the referenced rows until the transaction ends, as the triggers would.
 * @param report is told every error, in file order.
 * @returns 1 for each row that may be loaded.
 */
export async function resolveConflicts(
  tx: TransactionSql,
  resource: Resource,
  chunk: ParsedChunk,
  lockParents: boolean,
  report: (error: RowError) => void,
): Promise<Uint8Array> {
  const references = await findParents(tx, resource, chunk, lockParents);
  const keys = resource.keys.map((field) => ({ ...keyOf(resource, chunk, field), claimed: new Set<string>() }));
  const accepted = new Uint8Array(chunk.rows);
  const rows = inFileOrder(chunk);
  for (let from = 0; from < rows.length; from += rowsAtOnce) {
    const some = rows.slice(from, from + rowsAtOnce);
    const lookedUp = [];
    for (const key of keys) {
      const values = some.map(key.folded);
      lookedUp.push({
        ...key,
        values,
        taken: await findExisting(tx, { ...key.probe, literal: arrayLiteral(new Set(values)) }),
      });
    }
    for (const [n, row] of some.entries()) {
      const place = placeOf(chunk, row);
      let conflicts = 0;
      for (const { field, given, values, taken, claimed } of lookedUp) {
        const value = values[n] as string;
        if (!taken.has(value) && !claimed.has(value)) continue;
        conflicts++;
        report(duplicateError(place, field, given(row)));
      }
      for (const { field, given, singular, existing } of references) {
        const value = given(row);
        if (value === null || existing.has(value)) continue;
        conflicts++;
        report(referenceError(place, field, singular, value));
      }
      if (conflicts > 0) continue;
      accepted[row] = 1;
      if (chunk.keysRepeat) for (const { values, claimed } of lookedUp) claimed.add(values[n] as string);
    }
  }
  return accepted;
}

function keyOf(resource: Resource, chunk: ParsedChunk, field: string) {
  const { type } = resource.fields[field] as Field;
  const given = valueReader(resource, chunk, field);
  const fold = type === 'email' ? foldAscii : (text: string) => text;
  return {
    field,
    given,
    // Keys are never NULL (src/resources/load-resources.ts).
    folded: (row: number) => fold(given(row) as string),
    probe: {
      table: resource.name,
      expression: keyExpression(resource, field),
      type: type === 'uuid' ? 'uuid' : 'text',
    } as const,
  };
}

async function findParents(tx: TransactionSql, resource: Resource, chunk: ParsedChunk, lock: boolean) {
  const parents = [];
  for (const { field, resource: parent } of referencesOf(resource)) {
    const sent = chunk.references.find((reference) => reference.field === field);
    if (!sent) throw new Error(`the chunk lacks the values of ${field}`);
    const existing = await findReferenced(tx, parent, sent, lock);
    parents.push({
      field,
      given: valueReader(resource, chunk, field),
      singular: resourceNamed(parent).singular,
      existing,
    });
  }
  return parents;
}

/** As PostgreSQL's lower() folds in the collation "C". */
function foldAscii(text: string): string {
  return /[A-Z]/.test(text) ? text.replace(/[A-Z]/g, (letter) => letter.toLowerCase()) : text;
}
