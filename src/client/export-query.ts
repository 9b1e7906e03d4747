import type { ExportSelection } from './types.ts';

/** A selection as the query of a URL has it: the filter `{ created_at: { gte: t } }` is `created_at[gte]=t`. */
export function queryOf({ filters = {}, fields, ...rest }: Partial<ExportSelection>): URLSearchParams {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries({ ...rest, fields: fields?.join(',') })) {
    if (value !== undefined) query.append(name, String(value));
  }
  for (const [field, filter] of Object.entries(filters)) {
    if (typeof filter !== 'object' || filter === null) query.append(field, String(filter));
    else {
      for (const [operator, value] of Object.entries(filter)) query.append(`${field}[${operator}]`, String(value));
    }
  }
  return query;
}
