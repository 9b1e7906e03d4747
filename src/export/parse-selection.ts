// An export request, from the query string or a JSON body → resource, format and Selection, each part checked against
// the resource's definition with an error that says what would have been right.
import { jsonExcerpt } from '../../workers/json-excerpt.ts';
import { problem } from '../problems.ts';
import { type Format, formats } from '../resources/formats.ts';
import type { Resource } from '../resources/resource.ts';
import { fieldOf, parseFilters } from './parse-filters.ts';
import type { Selection } from './selection.ts';

export interface ExportRequest {
  resource: Resource;
  format: Format;
  selection: Selection;
}

/** The parts of a request as they were received, whatever their types. */
export interface ReceivedRequest {
  resource?: unknown;
  format?: unknown;
  /** A list, or names separated by commas. */
  fields?: unknown;
  sort?: unknown;
  limit?: unknown;
  filters: Iterable<readonly [string, unknown]>;
}

const parameters = ['resource', 'format', 'fields', 'sort', 'limit'] as const;

/**
 * Splits a parsed query string: everything that is not a parameter is a filter.
 * @throws Problem `invalid_parameter` or `invalid_filter` for a name given twice: no choice would be the one meant.
 */
export function splitQuery(query: Readonly<Record<string, unknown>>): ReceivedRequest {
  for (const [name, value] of Object.entries(query)) {
    if (!Array.isArray(value)) continue;
    throw problem(
      isParameter(name) ? 'invalid_parameter' : 'invalid_filter',
      `${name.slice(0, 100)} is given more than once`,
      { field: name.slice(0, 100).split('[', 1)[0] },
    );
  }
  const received: ReceivedRequest = { filters: Object.entries(query).filter(([name]) => !isParameter(name)) };
  for (const name of parameters) if (Object.hasOwn(query, name)) received[name] = query[name];
  return received;
}

/** @throws Problem `resource_required`, `unknown_resource`, `unknown_format`, `unknown_field`, `invalid_parameter`, `invalid_filter`. */
export function parseSelection(resources: ReadonlyMap<string, Resource>, received: ReceivedRequest): ExportRequest {
  const resource = parseResource(resources, received.resource);
  const format = parseFormat(received.format);
  const fields = parseFields(resource, received.fields);
  const filters = parseFilters(resource, received.filters);
  const sort = parseSort(resource, received.sort);
  const limit = parseLimit(received.limit);
  return { resource, format, selection: { fields, filters, ...(sort && { sort }), ...(limit && { limit }) } };
}

function isParameter(name: string): boolean {
  return (parameters as readonly string[]).includes(name);
}

function parseResource(resources: ReadonlyMap<string, Resource>, received: unknown): Resource {
  const known = [...resources.keys()].join(', ');
  if (received === undefined || received === null || received === '') {
    throw problem('resource_required', `resource is required, one of: ${known}`);
  }
  const resource = typeof received === 'string' ? resources.get(received) : undefined;
  if (!resource) throw problem('unknown_resource', `unknown resource ${quote(received)}, must be one of: ${known}`);
  return resource;
}

function parseFormat(received: unknown): Format {
  const name = received ?? 'ndjson';
  const format = formats.find((known) => known === name);
  if (!format) throw problem('unknown_format', `unknown format ${quote(name)}, must be one of: ${formats.join(', ')}`);
  return format;
}

function parseFields(resource: Resource, received: unknown): string[] {
  if (received === undefined || received === null) return Object.keys(resource.fields);
  const names = typeof received === 'string' ? received.split(',').map((name) => name.trim()) : received;
  if (!Array.isArray(names) || names.length === 0 || !names.every((name) => typeof name === 'string')) {
    throw invalid('fields', 'fields must be names of fields, separated by commas');
  }
  for (const [i, name] of names.entries()) {
    fieldOf(resource, name);
    if (names.indexOf(name) !== i) throw invalid('fields', `fields names ${name} more than once`);
  }
  return names;
}

function parseSort(resource: Resource, received: unknown): Selection['sort'] {
  if (received === undefined || received === null) return undefined;
  if (typeof received !== 'string' || received === '')
    throw invalid('sort', 'sort must be the name of a field, after a - for descending');
  const descending = received.startsWith('-');
  const field = descending ? received.slice(1) : received;
  fieldOf(resource, field);
  return { field, descending };
}

function parseLimit(received: unknown): number | undefined {
  if (received === undefined || received === null) return undefined;
  const limit = typeof received === 'string' && /^\d{1,15}$/.test(received) ? Number(received) : received;
  if (typeof limit === 'number' && Number.isSafeInteger(limit) && limit >= 1) return limit;
  throw invalid('limit', `limit must be a whole number from 1; received ${quote(received)}`);
}

function quote(value: unknown): string {
  const text = typeof value === 'string' ? value : jsonExcerpt(value, 100);
  return `'${text.slice(0, 100)}'`;
}

function invalid(parameter: string, detail: string): Error {
  return problem('invalid_parameter', detail, { field: parameter });
}
