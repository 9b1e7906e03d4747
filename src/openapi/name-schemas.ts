// A schema with a title is described once, under that name, and referred to wherever it is used.
import { isDeepStrictEqual } from 'node:util';
import type { Schema } from './route-docs.ts';

type Node = Record<string, unknown>;

/** Keywords that hold schemas: one, a list of them, or some by name. */
const single = ['items', 'additionalProperties', 'not'] as const;
const lists = ['anyOf', 'oneOf', 'allOf', 'prefixItems'] as const;

/**
 * @param named collects them, by title.
 * @returns the schema with references in the place of the named ones.
 * @throws Error for two schemas of one title that are not the same.
 */
export function nameSchemas(schema: Schema, named: Map<string, Schema>): Schema {
  const node = mapSubschemas(schema as Node, (subschema) => nameSchemas(subschema, named));
  const { title } = node;
  if (typeof title !== 'string') return node;
  const known = named.get(title);
  if (known && !isDeepStrictEqual(known, node)) throw new Error(`two schemas are called ${title}`);
  named.set(title, node);
  return { $ref: `#/components/schemas/${title}` };
}

/** A copy, each schema directly in it replaced by what `map` makes of it. */
function mapSubschemas(node: Node, map: (schema: Schema) => Schema): Node {
  const mapped: Node = { ...node };
  for (const keyword of single) if (isSchema(node[keyword])) mapped[keyword] = map(node[keyword]);
  for (const keyword of lists) if (Array.isArray(node[keyword])) mapped[keyword] = node[keyword].map(map);
  if (isSchema(node.properties)) {
    mapped.properties = Object.fromEntries(
      Object.entries(node.properties).map(([name, schema]) => [name, map(schema as Schema)]),
    );
  }
  return mapped;
}

function isSchema(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null;
}
