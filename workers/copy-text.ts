// The escapes of COPY's text format (PostgreSQL manual, COPY, "Text Format"): backslash, and what would end a line or a
// column. Other characters stand for themselves.

const escapes: Record<string, string> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** One column's text; NUL and lone surrogates are the caller's affair. */
export function escapeCopyText(text: string): string {
  return /[\\\n\r\t]/.test(text) ? text.replace(/[\\\n\r\t]/g, (char) => escapes[char] as string) : text;
}
