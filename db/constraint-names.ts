import type { Sql } from './client.ts';
import { indexExpression, type TableShape } from './resource-tables.ts';

/** The names under which PostgreSQL reports a violated key or reference, with the column each stands for. */
export interface ConstraintNames {
  keys: ReadonlyMap<string, string>;
  references: ReadonlyMap<string, string>;
}

/** @param keys the resource's key fields, in the order of `shape.uniques`. */
export async function findConstraintNames(
  sql: Sql,
  shape: TableShape,
  keys: readonly string[],
): Promise<ConstraintNames> {
  const indexes = await sql<{ name: string; expression: string }[]>`
    SELECT relname AS name, ${indexExpression(sql)} AS expression
    FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
    WHERE indrelid = to_regclass(quote_ident(${shape.table})) AND indisunique AND indnkeyatts = 1`;
  const foreignKeys = await sql<{ name: string; column: string }[]>`
    SELECT conname AS name, attname AS column
    FROM pg_constraint JOIN pg_attribute ON attrelid = conrelid AND attnum = conkey[1]
    WHERE conrelid = to_regclass(quote_ident(${shape.table})) AND contype = 'f' AND cardinality(conkey) = 1`;
  const declared = new Set(shape.references.map((reference) => reference.column));
  return {
    keys: new Map(
      indexes.flatMap(({ name, expression }) => {
        const key = keys[shape.uniques.indexOf(expression)];
        return key === undefined ? [] : [[name, key]];
      }),
    ),
    references: new Map(
      foreignKeys.filter(({ column }) => declared.has(column)).map(({ name, column }) => [name, column]),
    ),
  };
}
