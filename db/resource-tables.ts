// The resources' tables live in a schema that may belong to somebody else. Migrations create what is missing and mark
// it as theirs; whatever stands there already is compared with the definition and never altered or adopted unseen.
import { type Kysely, sql } from 'kysely';
import { arrayLiteral } from './array-literal.ts';
import type { Sql } from './client.ts';

const ownedComment = 'created by bulk-import-export-api';

/** Runs `create` unless a relation of that name exists on the search path; marks the new table as ours. */
export async function createResourceTable(db: Kysely<unknown>, name: string, create: () => Promise<void>) {
  const { rows } = await sql<{ found: string | null }>`SELECT to_regclass(${quoted(name)})::text AS found`.execute(db);
  if (rows[0]?.found) return;
  await create();
  await sql`COMMENT ON TABLE ${sql.table(name)} IS ${sql.lit(ownedComment)}`.execute(db);
}

/** Drops the table if `createResourceTable` made it; a table that was there before is left alone. */
export async function dropResourceTable(db: Kysely<unknown>, name: string) {
  const { rows } = await sql<{ comment: string | null }>`
    SELECT obj_description(to_regclass(${quoted(name)}), 'pg_class') AS comment`.execute(db);
  if (rows[0]?.comment === ownedComment) await sql`DROP TABLE ${sql.table(name)}`.execute(db);
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** What a resource asks of its table. */
export interface TableShape {
  table: string;
  /** `types`: accepted results of format_type(), length modifiers left out. */
  columns: { name: string; types: readonly string[]; collation?: 'C' }[];
  /** Expressions that must have a unique index of their own, as `indexExpression` has them; the first is the primary key. */
  uniques: readonly string[];
  references: { column: string; table: string }[];
}

/** Compares the table on the search path with the shape. Returns the differences as sentences; none: it fits. */
export async function compareTable(client: Sql, shape: TableShape): Promise<string[]> {
  const [relation] = await client<{ oid: number; kind: string; filtered: boolean }[]>`
    SELECT oid::int8 AS oid, relkind AS kind, row_security_active(oid) AS filtered FROM pg_class WHERE oid = to_regclass(${quoted(shape.table)})`;
  if (!relation) return [`table ${shape.table} does not exist`];
  if (!['r', 'p'].includes(relation.kind)) return [`${shape.table} is not a table`];
  return [
    ...(relation.filtered
      ? [`row-level security of ${shape.table} holds for this role, which COPY cannot load under`]
      : []),
    ...(await compareColumns(client, relation.oid, shape)),
    ...(await compareUniques(client, relation.oid, shape)),
    ...(await compareReferences(client, relation.oid, shape)),
  ];
}

async function compareColumns(client: Sql, oid: number, shape: TableShape): Promise<string[]> {
  const found = await client<
    { name: string; type: string; collation: string | null; generated: boolean; required: boolean }[]
  >`
    SELECT attname AS name, format_type(atttypid, NULL) AS type, collname AS collation, attgenerated <> '' AS generated,
      attnotnull AND NOT atthasdef AND attidentity = '' AS required
    FROM pg_attribute LEFT JOIN pg_collation c ON c.oid = attcollation
    WHERE attrelid = ${oid} AND attnum > 0 AND NOT attisdropped`;
  const byName = new Map(found.map((column) => [column.name, column]));
  const differences: string[] = [];
  for (const { name, types, collation } of shape.columns) {
    const column = byName.get(name);
    byName.delete(name);
    if (!column) differences.push(`column ${shape.table}.${name} is missing`);
    else if (!types.includes(column.type)) {
      differences.push(`column ${shape.table}.${name} is ${column.type}, not ${types.join(' or ')}`);
    } else if (column.generated) {
      differences.push(`column ${shape.table}.${name} is generated, which COPY cannot fill`);
    } else if (collation && column.collation !== collation) {
      differences.push(`column ${shape.table}.${name} must have COLLATE "${collation}"`);
    }
  }
  for (const column of byName.values()) {
    if (column.required)
      differences.push(`column ${shape.table}.${column.name} is NOT NULL without a default, and unknown`);
  }
  return differences;
}

/** The first of a row of pg_index, without the cast of a varchar, and without quotes: PostgreSQL puts those around keywords alone. */
export function indexExpression(client: Sql) {
  return client`translate(replace(pg_get_indexdef(indexrelid, 1, true), '::text', ''), '"', '')`;
}

async function compareUniques(client: Sql, oid: number, shape: TableShape): Promise<string[]> {
  const found = await client<{ expression: string; primary: boolean }[]>`
    SELECT ${indexExpression(client)} AS expression, indisprimary AS primary FROM pg_index
    WHERE indrelid = ${oid} AND indisunique AND indisvalid AND indnkeyatts = 1 AND indpred IS NULL`;
  return shape.uniques
    .filter((expression, i) => !found.some((index) => index.expression === expression && (i > 0 || index.primary)))
    .map(
      (expression) =>
        `${shape.table} has no ${expression === shape.uniques[0] ? 'primary key' : 'unique index'} on ${expression}`,
    );
}

async function compareReferences(client: Sql, oid: number, shape: TableShape): Promise<string[]> {
  const parents = arrayLiteral(shape.references.map(({ table }) => table));
  // A table of the same name in another schema is another table.
  const found = await client<{ column: string; table: string }[]>`
    SELECT attname AS column, parent AS table FROM pg_constraint
    JOIN pg_attribute ON attrelid = conrelid AND attnum = conkey[1]
    JOIN unnest(${parents}::text[]) parent ON confrelid = to_regclass(quote_ident(parent))
    WHERE conrelid = ${oid} AND contype = 'f' AND cardinality(conkey) = 1 AND convalidated`;
  return shape.references
    .filter(({ column, table }) => !found.some((key) => key.column === column && key.table === table))
    .map(({ column, table }) => `${shape.table}.${column} has no foreign key to ${table}`);
}
