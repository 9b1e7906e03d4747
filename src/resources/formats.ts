// The file formats of records.md: their names, media types and endings. Shared by uploads, downloads and worker threads.

export const formats = ['csv', 'ndjson', 'json'] as const;
export type Format = (typeof formats)[number];

export const mediaTypes: Record<Format, string> = {
  csv: 'text/csv; charset=utf-8',
  ndjson: 'application/x-ndjson',
  json: 'application/json; charset=utf-8',
};

/** A map: an object would know endings such as `.constructor` too. */
const formatOfEnding = new Map<string, Format>([
  ['csv', 'csv'],
  ['ndjson', 'ndjson'],
  ['jsonl', 'ndjson'],
  ['json', 'json'],
]);

/** The endings of a format's file names, with their dot. */
export function extensionsOf(format: Format): string[] {
  const plain = [...formatOfEnding].flatMap(([ending, of]) => (of === format ? [`.${ending}`] : []));
  return [...plain, ...plain.map((ending) => `${ending}.gz`)];
}

/** What a file's name says of its content; `format` is undefined when the ending is not one of ours. */
export function formatOfFileName(name: string): { format: Format | undefined; gzip: boolean } {
  const endings = name.toLowerCase().split('.').slice(1);
  const gzip = endings.at(-1) === 'gz';
  return { format: formatOfEnding.get(endings.at(gzip ? -2 : -1) ?? ''), gzip };
}
