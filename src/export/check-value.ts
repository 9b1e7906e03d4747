// What a filter may compare a field with: the types of records.md, as text that PostgreSQL's cast to the column's type
// cannot refuse. A value that no row can hold is the client's mistake and is named, not answered with an empty export.
import { isSlug, isStorable, isUuid } from '../../workers/field-checks.ts';
import { isTimestamp } from '../../workers/timestamp.ts';
import type { Field } from '../resources/resource.ts';

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
      return isUuid(value) ? value : null;
    case 'email':
      return isAddress(value) ? foldAscii(value) : null;
    case 'slug':
      return isSlug(value) ? value : null;
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

/** Looser than what an import takes: the table may hold addresses that came in by other ways. */
function isAddress(text: string): boolean {
  const at = text.indexOf('@', 1);
  return at > 0 && at < text.length - 1 && !/\s/.test(text);
}

/** E-mail addresses are compared without regard to ASCII case; toLowerCase() would fold other letters too. */
function foldAscii(text: string): string {
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

/** The time may be left out. */
function checkTimestamp(value: string): string | null {
  const timestamp = /^[\d-]{10}$/.test(value) ? `${value}T00:00:00Z` : value;
  // PostgreSQL reads 128 characters; it rounds to six digits.
  return isTimestamp(timestamp) ? timestamp.replace(/(\.\d{20})\d+/, '$1') : null;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
