// Finds out which rows of a chunk the table can take: keys and references are probed as sets, then the rows are gone
// through in file order. The first acceptable row with a key wins; a rejected row claims nothing.
import type { TransactionSql } from '../../db/client.ts';
import { arrayLiteral, findExisting, findReferenced } from '../../db/probes.ts';
import type { FieldValues, ParsedChunk } from '../../workers/messages.ts';
import { duplicateError, type RowError, referenceError } from '../../workers/row-error.ts';
import { keyExpression } from '../resource-table.ts';
import { resourceNamed } from '../resources/index.ts';
import { type Resource, referencesOf } from '../resources/resource.ts';
import { placeOf, readColumn } from './chunk-rows.ts';

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
  const keys = [];
  for (const { field, values } of chunk.keys.map(decodeValues)) {
    const taken = await findExisting(tx, {
      table: resource.name,
      expression: keyExpression(resource, field),
      type: resource.fields[field]?.type === 'uuid' ? 'uuid' : 'text',
      literal: arrayLiteral(new Set(values.filter((value) => value !== ''))),
    });
    keys.push({ field, values, taken });
  }
  const references = [];
  for (const reference of referencesOf(resource)) {
    const sent = chunk.references.find(({ field }) => field === reference.field);
    if (!sent) throw new Error(`the chunk lacks the values of ${reference.field}`);
    const existing = await findReferenced(tx, reference.resource, new TextDecoder().decode(sent.distinct), lockParents);
    references.push({ ...decodeValues(sent), singular: resourceNamed(reference.resource).singular, existing });
  }

  const accepted = new Uint8Array(chunk.rows);
  const errors: RowError[] = [];
  for (let row = 0; row < chunk.rows; row++) {
    const place = placeOf(chunk, row);
    const before = errors.length;
    for (const { field, values, taken } of keys) {
      // NULL is no key: it stays out of `taken`.
      if (taken.has(values[row] as string))
        errors.push(duplicateError(place, field, readColumn(resource, chunk, row, field)));
    }
    for (const { field, singular, values, existing } of references) {
      const value = values[row] as string;
      if (value !== '' && !existing.has(value)) errors.push(referenceError(place, field, singular, value));
    }
    if (errors.length > before) continue;
    accepted[row] = 1;
    for (const { values, taken } of keys) if (values[row] !== '') taken.add(values[row] as string);
  }
  return { accepted, errors };
}

function decodeValues({ field, lines }: FieldValues): { field: string; values: string[] } {
  // Each line is ended: what follows the last line feed is no value.
  return { field, values: new TextDecoder().decode(lines).split('\n').slice(0, -1) };
}
