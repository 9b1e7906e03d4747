// An array as PostgreSQL writes one (https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO): every array that is a
// parameter goes as such a text, because sessions are opened without the driver's own table of array types (client.ts).

/** @param values without NULLs. */
export function arrayLiteral(values: Iterable<string>): string {
  let literal = '{';
  for (const value of values) {
    const escaped = /["\\]/.test(value) ? value.replace(/["\\]/g, '\\$&') : value;
    literal += `${literal === '{' ? '' : ','}"${escaped}"`;
  }
  return `${literal}}`;
}
