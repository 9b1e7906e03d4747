import { isRequired, type Resource } from './resource.ts';

/**
 * The resource whose fields a file's columns are: as many as possible known, as few as possible missing. Among equals, and
 * where the columns say nothing, the file's name decides.
 * @param candidates each with the file's columns as they would be matched with its fields.
 * @returns its name; null when nothing speaks for any of them.
 */
export function guessResource(
  candidates: Iterable<readonly [resource: Resource, columns: readonly string[]]>,
  fileName: string,
): string | null {
  const name = fileName.toLowerCase();
  const scored = [...candidates].map(([resource, columns]) => {
    const present = new Set(columns);
    const fields = Object.entries(resource.fields);
    const known = fields.filter(([field]) => present.has(field)).length;
    const missing = fields.filter(([field, rules]) => isRequired(rules) && !present.has(field)).length;
    return { name: resource.name, score: Math.max(0, known - missing), named: name.includes(resource.singular) };
  });
  const [best] = scored.sort((a, b) => b.score - a.score || Number(b.named) - Number(a.named));
  return best && (best.score > 0 || best.named) ? best.name : null;
}
