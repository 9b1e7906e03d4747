// How an import's references are checked: by PostgreSQL's per-row triggers, or once per chunk as a set, with the
// triggers skipped. The second is three times as fast (performance.md) and allowed only where the catalogue shows
// that it comes to the same: exactly the declared foreign keys, no other trigger, no deferrable constraint.
import { arrayLiteral } from './array-literal.ts';
import type { Sql } from './client.ts';
import type { TableShape } from './resource-tables.ts';

export interface ReferenceCheck {
  mode: 'none' | 'set' | 'triggers';
  /** Why not `set`. */
  reasons: string[];
}

export async function chooseReferenceCheck(sql: Sql, { table, references }: TableShape): Promise<ReferenceCheck> {
  if (references.length === 0) return { mode: 'none', reasons: [] };
  const columns = arrayLiteral(references.map((reference) => reference.column));
  const parents = arrayLiteral(references.map((reference) => reference.table));
  const [facts] = await sql<Record<string, boolean>[]>`
    SELECT
      EXISTS (
        SELECT FROM pg_trigger WHERE tgrelid = relation.oid AND NOT tgisinternal) AS "it has triggers of its own",
      EXISTS (
        SELECT FROM pg_constraint WHERE conrelid = relation.oid AND contype IN ('u', 'p', 'x') AND condeferrable
      ) AS "it has a deferrable unique constraint",
      relation.relkind <> 'r' AS "it is not an ordinary table",
      ARRAY(
        SELECT concat_ws(' ', child_column.attname, confrelid::int8, parent_column.attname) AS edge
        FROM pg_constraint
        JOIN pg_attribute child_column ON child_column.attrelid = conrelid AND child_column.attnum = ANY (conkey)
        JOIN pg_attribute parent_column ON parent_column.attrelid = confrelid AND parent_column.attnum = ANY (confkey)
        WHERE conrelid = relation.oid AND contype = 'f' ORDER BY edge
      ) <> ARRAY(
        SELECT concat_ws(' ', child, to_regclass(quote_ident(parent))::oid::int8, 'id') AS edge
        FROM unnest(${columns}::text[], ${parents}::text[]) AS declared (child, parent) ORDER BY edge
      ) AS "its foreign keys are not exactly the declared ones",
      NOT (rolsuper OR has_parameter_privilege('session_replication_role', 'SET')) AS "the role may not set session_replication_role",
      EXISTS (
        SELECT FROM unnest(${parents}::text[]) p
        WHERE NOT has_any_column_privilege(quote_ident(p), 'UPDATE') OR NOT has_any_column_privilege(quote_ident(p), 'SELECT')
      ) AS "the role may not lock the referenced rows"
    FROM pg_class relation, pg_roles
    WHERE relation.oid = to_regclass(quote_ident(${table})) AND rolname = current_user`;
  const reasons = Object.entries(facts ?? {}).flatMap(([reason, holds]) => (holds ? [reason] : []));
  return { mode: facts && reasons.length === 0 ? 'set' : 'triggers', reasons };
}
