// What a filter may compare a field with: the types of records.md, as text that PostgreSQL's cast to the column's type
// cannot refuse. A value that no row can hold is the client's mistake and is named, not answered with an empty export.
import type { Field } from '../resources/resource.ts';

const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const slugPattern = /^[a-z0-9]+(?:-[a-z0-9]+)*$/;
/** RFC 3339 date-time; the time may be left out. PostgreSQL takes offsets below 16 hours. */
const timestampPattern =
  /^(\d{4})-(\d\d)-(\d\d)(?:[Tt](?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d+)?(?:[Zz]|[+-](?:0\d|1[0-5]):[0-5]\d))?$/;

/** What a field accepts, for people. */
export function acceptedValues(field: Field): string {
  switch (field.type) {
    case 'uuid':
      return 'a UUID';
    case 'email':
      return 'an e-mail address';
    case 'slug':
      return 'a slug (lowercase letters, numbers, hyphens)';
    case 'text':
      return 'a text that is not empty';
    case 'enum':
      return `one of: ${field.values.join(', ')}`;
    case 'boolean':
      return "'true' or 'false'";
    case 'timestamp':
      return 'an RFC 3339 timestamp such as 2024-01-31T12:00:00Z, or a date (in a URL, + is written %2B)';
    case 'text[]':
      return 'a JSON array of strings';
  }
}

/** @returns the value as PostgreSQL shall read it, or null when the field cannot hold it. Not for arrays. */
export function checkValue(field: Exclude<Field, { type: 'text[]' }>, value: unknown): string | null {
  if (field.type === 'boolean')
    return value === true || value === 'true' ? 'true' : value === false || value === 'false' ? 'false' : null;
  if (typeof value !== 'string' || !isStorable(value)) return null;
  switch (field.type) {
    case 'uuid':
      return uuidPattern.test(value) ? value : null;
    case 'email':
      return /^\S+@\S+$/.test(value) ? foldAscii(value) : null;
    case 'slug':
      return slugPattern.test(value) ? value : null;
    case 'text':
      return value.trim() === '' ? null : value;
    case 'enum':
      return field.values.includes(value) ? value : null;
    case 'timestamp':
      return checkTimestamp(value);
  }
}

/** The elements of an array of strings, given as an array or as JSON text; null when it is none. */
export function checkElements(value: unknown): string[] | null {
  const elements = typeof value === 'string' ? parseJson(value) : value;
  if (!Array.isArray(elements)) return null;
  return elements.every((element) => typeof element === 'string' && isStorable(element)) ? elements : null;
}

/** PostgreSQL's text holds neither NUL nor a lone surrogate. */
function isStorable(text: string): boolean {
  return !text.includes('\0') && text.isWellFormed();
}

/** E-mail addresses are compared without regard to ASCII case; toLowerCase() would fold other letters too. */
function foldAscii(text: string): string {
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

function checkTimestamp(value: string): string | null {
  const match = timestampPattern.exec(value);
  if (!match) return null;
  const [year, month, day] = match.slice(1, 4).map(Number) as [number, number, number];
  // Date rolls 30 February over into March: a date that exists is one that comes back unchanged.
  const date = new Date(Date.UTC(2000, month - 1, day));
  date.setUTCFullYear(year, month - 1, day);
  if (year === 0 || date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return null;
  return value.length === 10 ? `${value}T00:00:00Z` : value;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
