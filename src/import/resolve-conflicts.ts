// Finds out which rows of a chunk the table can take: keys and references are probed as sets, then the rows are gone
// through in file order. The first acceptable row with a key wins; a rejected row claims nothing.
import type { TransactionSql } from '../../db/client.ts';
import { arrayLiteral, findExisting, findReferenced } from '../../db/probes.ts';
import type { ParsedChunk } from '../../workers/messages.ts';
import { duplicateError, type RowError, referenceError } from '../../workers/row-error.ts';
import { keyExpression } from '../resource-table.ts';
import { resourceNamed } from '../resources/index.ts';
import { type Resource, referencesOf } from '../resources/resource.ts';
import { inFileOrder, placeOf, valueReader } from './chunk-rows.ts';

export interface Resolution {
  /** 1 for each row that may be loaded. */
  accepted: Uint8Array;
  errors: RowError[];
}

/** @param lockParents hold the referenced rows until the transaction ends, as the triggers would. */
export async function resolveConflicts(
  tx: TransactionSql,
  resource: Resource,
  chunk: ParsedChunk,
  lockParents: boolean,
): Promise<Resolution> {
  const rows = inFileOrder(chunk);
  const keys = [];
  for (const field of resource.keys) {
    const given = valueReader(resource, chunk, field);
    const fold = resource.fields[field]?.type === 'email' ? foldAscii : (text: string) => text;
    // By row; keys are never NULL (src/resources/load-resources.ts).
    const values = Array.from({ length: chunk.rows }, (_, row) => fold(given(row) as string));
    const taken = await findExisting(tx, {
      table: resource.name,
      expression: keyExpression(resource, field),
      type: resource.fields[field]?.type === 'uuid' ? 'uuid' : 'text',
      literal: arrayLiteral(new Set(values)),
    });
    keys.push({ field, given, values, taken });
  }
  const references = [];
  for (const reference of referencesOf(resource)) {
    const sent = chunk.references.find(({ field }) => field === reference.field);
    if (!sent) throw new Error(`the chunk lacks the values of ${reference.field}`);
    const existing = await findReferenced(tx, reference.resource, sent, lockParents);
    const { singular } = resourceNamed(reference.resource);
    references.push({ field: sent.field, given: valueReader(resource, chunk, sent.field), singular, existing });
  }

  const accepted = new Uint8Array(chunk.rows);
  const errors: RowError[] = [];
  for (const row of rows) {
    const place = placeOf(chunk, row);
    const before = errors.length;
    for (const { field, given, values, taken } of keys) {
      if (taken.has(values[row] as string)) errors.push(duplicateError(place, field, given(row)));
    }
    for (const { field, given, singular, existing } of references) {
      const value = given(row);
      if (value !== null && !existing.has(value)) errors.push(referenceError(place, field, singular, value));
    }
    if (errors.length > before) continue;
    accepted[row] = 1;
    for (const { values, taken } of keys) taken.add(values[row] as string);
  }
  return { accepted, errors };
}

/** As PostgreSQL's lower() folds in the collation "C". */
function foldAscii(text: string): string {
  return /[A-Z]/.test(text) ? text.replace(/[A-Z]/g, (letter) => letter.toLowerCase()) : text;
}
