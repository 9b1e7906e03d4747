// What a resource's definition asks of its table, and how its columns and keys are written in SQL.
import type { CopyTarget } from '../db/copy.ts';
import type { TableShape } from '../db/resource-tables.ts';
import { type Field, type Resource, referencesOf } from './resources/resource.ts';

const columnTypes: Record<Field['type'], readonly string[]> = {
  uuid: ['uuid'],
  email: ['text', 'character varying'],
  slug: ['text', 'character varying'],
  text: ['text', 'character varying'],
  enum: ['text', 'character varying'],
  boolean: ['boolean'],
  timestamp: ['timestamp with time zone'],
  'text[]': ['text[]'],
};

export function tableShapeOf(resource: Resource): TableShape {
  return {
    table: resource.name,
    columns: Object.entries(resource.fields).map(([name, { type }]) => ({
      name,
      types: columnTypes[type],
      // lower() folds ASCII only, as the workers do, under this collation alone.
      ...(type === 'email' ? { collation: 'C' as const } : {}),
    })),
    uniques: resource.keys.map((key) => keyExpression(resource, key).replaceAll('"', '')),
    references: referencesOf(resource).map(({ field, resource: table }) => ({ column: field, table })),
  };
}

/**
 * The expression under which a key is unique: the column, or `lower(column)` for e-mail addresses. Quoted, or a column `user`
 * would be the session's role.
 */
export function keyExpression(resource: Resource, key: string): string {
  return resource.fields[key]?.type === 'email' ? `lower("${key}")` : `"${key}"`;
}

/** Where COPY puts the rows that a parse thread has encoded. */
export function rowTarget(resource: Resource): CopyTarget {
  return { table: resource.name, columns: Object.keys(resource.fields), format: 'binary' };
}
