// Selection → SELECT. The statement goes into COPY, which takes no bind parameters, so values become literals here:
// quoted as libpq's PQescapeLiteral quotes them, safe whatever the session's settings, and cast to their column's type.
// Identifiers come from the resource's definition alone.
import type { Field, Resource } from '../resources/resource.ts';
import type { Filter, Selection } from './selection.ts';

const sqlTypes: Record<Field['type'], string> = {
  uuid: 'uuid',
  email: 'text',
  slug: 'text',
  text: 'text',
  enum: 'text',
  boolean: 'boolean',
  timestamp: 'timestamptz',
  'text[]': 'text[]',
};

const comparisons: Record<Exclude<Filter['operator'], 'in'>, string> = {
  eq: '=',
  gte: '>=',
  gt: '>',
  lte: '<=',
  lt: '<',
};

/**
 * @param columns how a field appears in the output; the column itself when left out.
 * @param alone a condition of ours that the rows must meet besides.
 * @throws Error when the selection names a field that the resource does not have.
 */
export function buildQuery(
  resource: Resource,
  selection: Selection,
  columns = column,
  alone: string | null = null,
): string {
  const { fields, filters, sort, limit } = selection;
  const clauses = [
    `SELECT ${fields.map((name) => `${columns(resource, name)} AS ${quoteIdentifier(name)}`).join(', ')}`,
    `FROM ${tableOf(resource)}`,
  ];
  const conditions = [...filters.map((filter) => condition(resource, filter)), ...(alone === null ? [] : [alone])];
  if (conditions.length > 0) clauses.push(`WHERE ${conditions.join(' AND ')}`);
  if (sort) clauses.push(`ORDER BY ${orderOf(resource, sort).join(', ')}`);
  if (limit !== undefined) clauses.push(`LIMIT ${limit}`);
  return clauses.join(' ');
}

/** The table, quoted. */
export function tableOf(resource: Resource): string {
  return quoteIdentifier(resource.name);
}

/** The column of a field, qualified, so that it cannot be taken for another name in the statement. */
export function column(resource: Resource, field: string): string {
  if (!Object.hasOwn(resource.fields, field)) throw new Error(`${resource.name} has no field ${field}`);
  return `${tableOf(resource)}.${quoteIdentifier(field)}`;
}

/** A string literal that holds exactly `text`, with `standard_conforming_strings` on or off. */
export function quoteLiteral(text: string): string {
  if (text.includes('\0')) throw new Error('PostgreSQL cannot hold a NUL character');
  const quoted = `'${text.replaceAll("'", "''")}'`;
  return text.includes('\\') ? ` E${quoted.replaceAll('\\', '\\\\')}` : quoted;
}

function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** What is compared and sorted: e-mail addresses by the expression that their unique index is on. */
function comparable(resource: Resource, field: string): string {
  const name = column(resource, field);
  return resource.fields[field]?.type === 'email' ? `lower(${name})` : name;
}

function condition(resource: Resource, { field, operator, values }: Filter): string {
  const left = comparable(resource, field);
  if (values === null) return `${left} IS NULL`;
  const type = sqlTypes[resource.fields[field]!.type];
  if (type === 'text[]') return `${left} = ARRAY[${values.map(quoteLiteral).join(', ')}]::text[]`;
  const literals = values.map((value) => `${quoteLiteral(value)}::${type}`);
  if (operator === 'in') return `${left} IN (${literals.join(', ')})`;
  return `${left} ${comparisons[operator]} ${literals[0]}`;
}

function orderOf(resource: Resource, { field, descending }: NonNullable<Selection['sort']>): string[] {
  const direction = descending ? ' DESC' : ' ASC';
  const [primaryKey] = resource.keys;
  const order = [comparable(resource, field) + direction];
  return field === primaryKey ? order : [...order, column(resource, primaryKey) + direction];
}
