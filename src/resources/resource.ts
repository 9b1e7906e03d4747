// What a resource is. One definition file per resource states its fields, keys and rules; the Ajv schema, CSV columns,
// COPY columns, conflict probes, export query, table check and API documentation are all derived from it.
// Loaded by the worker threads too: nothing here may reach for the database, Fastify or the log.

/** A field of a resource, as it travels: in a CSV column of that name, or a JSON property. */
export type Field =
  /** RFC 9562, stored and compared in lower case. `references` names the resource whose `id` it must be. */
  | { type: 'uuid'; references?: string; default?: null }
  /** At most `maxLength` characters; compared without regard to ASCII case. */
  | { type: 'email'; maxLength: number }
  /** Lower-case kebab-case, at most `maxLength` characters. */
  | { type: 'slug'; maxLength: number }
  /** Kept character for character; nothing but white space counts as empty. Words are runs of non-white-space. */
  | { type: 'text'; maxLength?: number; maxWords?: number; default?: null }
  | { type: 'enum'; values: readonly string[]; default?: string }
  | { type: 'boolean'; default?: boolean }
  /** RFC 3339. `'now'` is the time the job was accepted, the same for all its records and attempts. */
  | { type: 'timestamp'; default?: 'now' | null | { field: string } }
  /** An array of strings; in CSV a JSON array in one cell. */
  | { type: 'text[]'; default?: readonly string[] };

/** The decoded, valid values of one record, by field name; absent optional ones are `null`. */
export type RecordValues = Readonly<Record<string, string | boolean | readonly string[] | null>>;

/** A rule over several fields; asked only when each of its record's fields is valid by itself. */
export interface Rule {
  /** The field the error is reported on. */
  field: string;
  code: string;
  message: string;
  broken(record: RecordValues): boolean;
}

export interface Resource {
  /** Plural, lower case; also its table's name. */
  name: string;
  /** Used in messages: `referenced <singular> does not exist`. */
  singular: string;
  /** In the order of columns in files and tables. A field without `default` is required. */
  fields: Readonly<Record<string, Field>>;
  /** Fields that are unique by themselves; the first is the primary key. */
  keys: readonly [string, ...string[]];
  rules?: readonly Rule[];
}

/** Fixes the type of a definition while keeping it literal; throws when keys or rules name fields that do not exist. */
export function defineResource(resource: Resource): Resource {
  const named = [...resource.keys, ...(resource.rules ?? []).map((rule) => rule.field)];
  for (const field of named) {
    if (!Object.hasOwn(resource.fields, field)) throw new Error(`${resource.name} has no field ${field}`);
  }
  return Object.freeze(resource);
}

/** Whether a record must bring a value for the field. */
export function isRequired(field: Field): boolean {
  return !('default' in field);
}

/** The fields that refer to another resource, with that resource's name. */
export function referencesOf(resource: Resource): { field: string; resource: string }[] {
  return Object.entries(resource.fields).flatMap(([name, field]) =>
    field.type === 'uuid' && field.references ? [{ field: name, resource: field.references }] : [],
  );
}
