// Filters as clients write them → Filter[]. One parser for the query string (`created_at[gte]=…`, `role[in]=a,b`) and
// for JSON bodies ({ "created_at": { "gte": "…" }, "role": { "in": ["a", "b"] } }); both may use the other's form.
import { jsonExcerpt } from '../../workers/json-excerpt.ts';
import { problem } from '../problems.ts';
import type { Field, Resource } from '../resources/resource.ts';
import { acceptedValues, checkElements, checkValue } from './check-value.ts';
import { type Filter, type Operator, operators } from './selection.ts';

const ordered: readonly Field['type'][] = ['uuid', 'slug', 'text', 'timestamp'];

/**
 * @param entries name and value of each condition; a name may end in `[operator]`. Entries, not an object keyed by what
 *   a client sends, so that no name is special.
 * @throws Problem `unknown_field`, or `invalid_filter` naming the field and what it accepts.
 */
export function parseFilters(resource: Resource, entries: Iterable<readonly [string, unknown]>): Filter[] {
  const filters: Filter[] = [];
  for (const [name, value] of entries) {
    const { field, operator } = splitName(resource, name);
    if (operator === undefined && isPlainObject(value)) {
      const conditions = Object.entries(value);
      if (conditions.length === 0)
        throw invalid(field, `${field} has no condition; give one of: ${operators.join(', ')}`);
      for (const [key, operand] of conditions) filters.push(parseFilter(resource, field, key, operand));
    } else {
      filters.push(parseFilter(resource, field, operator ?? 'eq', value));
    }
  }
  const seen = new Set<string>();
  for (const { field, operator } of filters) {
    const condition = `${field}[${operator}]`;
    if (seen.has(condition)) throw invalid(field, `${condition} is given more than once`);
    seen.add(condition);
  }
  return filters;
}

/** @throws Problem `unknown_field` unless the resource has that field. */
export function fieldOf(resource: Resource, name: string): Field {
  if (Object.hasOwn(resource.fields, name)) return resource.fields[name]!;
  const known = Object.keys(resource.fields).join(', ');
  throw problem('unknown_field', `${resource.name} have no field '${name.slice(0, 100)}'; the fields are: ${known}`);
}

function splitName(resource: Resource, name: string): { field: string; operator: string | undefined } {
  const match = /^([^[\]]+)\[([^[\]]*)\]$/.exec(name);
  const field = match?.[1] ?? name;
  fieldOf(resource, field);
  return { field, operator: match?.[2] };
}

function parseFilter(resource: Resource, name: string, operator: string, value: unknown): Filter {
  const field = fieldOf(resource, name);
  if (!isOperator(operator)) {
    throw invalid(
      name,
      `${name}[${operator.slice(0, 100)}] is not a condition; the operators are: ${operators.join(', ')}`,
    );
  }
  if (operator === 'in') return { field: name, operator, values: parseList(name, field, value) };
  if (operator !== 'eq' && !ordered.includes(field.type)) {
    throw invalid(name, `${name} does not take [${operator}]: values of this field have no order`);
  }
  if (value === null && operator === 'eq' && 'default' in field && field.default === null) {
    return { field: name, operator, values: null };
  }
  if (field.type === 'text[]')
    return { field: name, operator, values: checkElements(value) ?? refuse(name, field, value) };
  return { field: name, operator, values: [checkValue(field, value) ?? refuse(name, field, value)] };
}

function parseList(name: string, field: Field, value: unknown): string[] {
  if (field.type === 'text[]') throw invalid(name, `${name} does not take [in]`);
  const list = typeof value === 'string' ? value.split(',') : value;
  if (!Array.isArray(list) || list.length === 0) {
    throw invalid(name, `${name}[in] takes a list of values, each ${acceptedValues(field)}`);
  }
  return list.map((one) => checkValue(field, one) ?? refuse(`${name}[in]`, field, one));
}

function refuse(name: string, field: Field, value: unknown): never {
  if (Array.isArray(value) && field.type !== 'text[]') {
    throw invalid(name, `${name} takes one value; for several, use ${name}[in]`);
  }
  const received = value === '' ? 'nothing' : jsonExcerpt(value, 100).slice(0, 100);
  throw invalid(name, `${name} must be ${acceptedValues(field)}; received ${received}`);
}

function invalid(name: string, detail: string): Error {
  return problem('invalid_filter', detail, { field: name.split('[', 1)[0] });
}

function isOperator(text: string): text is Operator {
  return (operators as readonly string[]).includes(text);
}

function isPlainObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
