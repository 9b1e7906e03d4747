/** The `Link` header of a page that another one follows (RFC 8288). */
export function nextLink(path: string, query: Record<string, string | number | undefined>): string {
  const given = Object.entries(query).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, String(value)] as [string, string]],
  );
  return `<${path}?${new URLSearchParams(given)}>; rel="next"`;
}
