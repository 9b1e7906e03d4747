// The three formats, made by PostgreSQL: a COPY statement whose bytes are the file, row for row. JavaScript touches
// only the first and the last byte of a JSON array.
import { Transform } from 'node:stream';
import { type TablePart, wholeTable } from '../../db/copy-halves.ts';
import type { Format } from '../resources/formats.ts';
import type { Resource } from '../resources/resource.ts';
import { buildQuery, column } from './build-query.ts';
import type { Selection } from './selection.ts';

// JSON text never holds these two bytes raw (control characters are escaped), so COPY finds nothing to quote.
const unquoted = `(FORMAT csv, QUOTE e'\\x01', DELIMITER e'\\x02')`;

/** The lowest: half again as fast as the default level, for 4 % more bytes (22 MB of users as NDJSON: 64 and 103 ms). */
export const gzipLevel = 1;

/** The COPY statement that produces the rows of an export in a format, or those of one part of the table. */
export function encodeRows(
  resource: Resource,
  selection: Selection,
  format: Format,
  { condition, first }: TablePart = wholeTable,
): string {
  if (format === 'csv')
    return `COPY (${buildQuery(resource, selection, csvColumn, condition)}) TO STDOUT (FORMAT csv, HEADER ${first})`;
  // The alias has a blank in it, so no field can be called the same and be taken instead of the row.
  const record = 'row_to_json("a row")';
  const rows = `FROM (${buildQuery(resource, selection, column, condition)}) "a row"`;
  return `COPY (SELECT ${format === 'json' ? `',' || ${record}::text` : record} ${rows}) TO STDOUT ${unquoted}`;
}

/** What must be done to the bytes of `encodeRows` to make a file of them; null: nothing. */
export function frameRows(format: Format): Transform | null {
  return format === 'json' ? frameArray() : null;
}

/**
 * CSV cells as an import reads them back: RFC 3339 (through to_json: exact to the microsecond, whatever the session's
 * DateStyle; to_char takes twice the time), 'true' and 'false', arrays as JSON.
 */
function csvColumn(resource: Resource, field: string): string {
  const name = column(resource, field);
  switch (resource.fields[field]?.type) {
    case 'timestamp':
      return `btrim(to_json(${name})::text, '"')`;
    case 'boolean':
      return `${name}::text`;
    case 'text[]':
      return `to_json(${name})`;
    default:
      return name;
  }
}

/** `,{…}\n,{…}\n` → `[{…}\n,{…}\n]\n`. */
function frameArray(): Transform {
  let begun = false;
  return new Transform({
    transform(block: Buffer, _encoding, done) {
      if (begun) return done(null, block);
      begun = true;
      this.push('[');
      done(null, block.subarray(1));
    },
    flush(done) {
      done(null, begun ? ']\n' : '[]\n');
    },
  });
}
