// The rules of the three resources once more, as plainly as they can be written: one record after the other, one rule
// after the other, everything in memory. It shares nothing with the service, so the two can be held against each other.
import papa from 'papaparse';

export interface Fault {
  record: number;
  field: string;
  code: string;
  value?: unknown;
}

export interface Outcome {
  total: number;
  faults: Fault[];
  /** Ids of the records that load. */
  loaded: Set<string>;
}

/** What is in the tables already. */
export interface Tables {
  users: Set<string>;
  articles: Set<string>;
}

type Values = Record<string, unknown>;

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const email = /^[^\s@]+@[^\s@.]+(\.[^\s@.]+)+$/;
const slug = /^[a-z0-9]+(-[a-z0-9]+)*$/;

function isDate(text: string): boolean {
  const match = /^(\d{4}-\d\d-)(\d\d)(T\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)$/.exec(text);
  if (!match) return false;
  const instant = new Date(`${match[1]}${match[2]}${match[3]}Z`);
  return !Number.isNaN(instant.getTime()) && instant.getUTCDate() === Number(match[2]);
}

const isEmpty = (value: unknown) =>
  value === undefined || value === null || (typeof value === 'string' && !/\S/.test(value));
const storable = (value: string) => value.isWellFormed() && !value.includes('\0');

const types: Record<string, (value: unknown) => string | undefined> = {
  uuid: (value) => (uuid.test(`${value}`) ? undefined : 'uuid'),
  email: (value) => (email.test(`${value}`) ? undefined : 'email'),
  slug: (value) => (slug.test(`${value}`) ? undefined : 'slug'),
  date: (value) => (isDate(`${value}`) ? undefined : 'datetime'),
  boolean: (value) => (['true', 'false'].includes(`${value}`) ? undefined : 'boolean'),
  role: (value) => (['admin', 'editor', 'viewer'].includes(`${value}`) ? undefined : 'enum'),
  status: (value) => (['draft', 'published'].includes(`${value}`) ? undefined : 'enum'),
  text: (value) => (typeof value !== 'string' ? 'type' : storable(value) ? undefined : 'encoding'),
  name: (value) => ([...`${value}`].length <= 255 ? undefined : 'length'),
  title: (value) => types.text?.(value) ?? ([...`${value}`].length <= 500 ? undefined : 'length'),
  words: (value) =>
    types.text?.(value) ?? (`${value}`.split(/\s+/).filter(Boolean).length <= 500 ? undefined : 'words'),
  list: (value) => (Array.isArray(value) && value.every((tag) => typeof tag === 'string') ? undefined : 'type'),
};

/** Field → type; a question mark where the field may be absent. */
const shapes: Record<string, Record<string, string>> = {
  users: {
    id: 'uuid',
    email: 'email',
    name: 'name',
    role: 'role',
    active: 'boolean?',
    created_at: 'date',
    updated_at: 'date?',
  },
  articles: {
    ...{ id: 'uuid', slug: 'slug', title: 'title', body: 'text', author_id: 'uuid', tags: 'list?', status: 'status?' },
    ...{ published_at: 'date?', created_at: 'date?' },
  },
  comments: { id: 'uuid', article_id: 'uuid', user_id: 'uuid', body: 'words', created_at: 'date' },
};

const lower = (value: unknown) => `${value}`.toLowerCase();

export function check(resource: string, text: string, tables: Tables): Outcome {
  const records = resource === 'users' ? readCsv(text) : readLines(text);
  const shape = shapes[resource] ?? {};
  const unique = { users: ['id', 'email'], articles: ['id', 'slug'], comments: ['id'] }[resource] ?? [];
  const references = {
    articles: { author_id: tables.users },
    comments: { article_id: tables.articles, user_id: tables.users },
  }[resource] as Record<string, Set<string>> | undefined;
  const taken: Record<string, Set<string>> = Object.fromEntries(unique.map((key) => [key, new Set<string>()]));
  const faults: Fault[] = [];
  const loaded = new Set<string>();

  records.forEach((values, index) => {
    const own: Fault[] = [];
    const fault = (field: string, code: string) => own.push({ record: index + 1, field, code, value: values[field] });
    if (values.broken) fault(`${values.broken}`, `${values.broken}`);
    else {
      for (const [field, type] of Object.entries(shape)) {
        const code = isEmpty(values[field])
          ? type.endsWith('?')
            ? undefined
            : 'required'
          : types[type.replace('?', '')]?.(values[field]);
        if (code) fault(field, code);
      }
    }
    if (own.length === 0 && resource === 'articles') {
      if (values.status !== 'published' && !isEmpty(values.published_at)) fault('published_at', 'draft');
    }
    if (own.length === 0) {
      for (const key of unique) if (taken[key]?.has(lower(values[key]))) fault(key, 'duplicate');
      for (const [field, parents] of Object.entries(references ?? {})) {
        if (!parents.has(lower(values[field]))) fault(field, 'reference');
      }
    }
    if (own.length === 0) {
      for (const key of unique) taken[key]?.add(lower(values[key]));
      loaded.add(lower(values.id));
    }
    faults.push(...own);
  });
  return { total: records.length, faults, loaded };
}

function readCsv(text: string): Values[] {
  const { data } = papa.parse<string[]>(text.trimEnd(), { delimiter: ',', newline: '\n' });
  const [header = [], ...rows] = data;
  return rows.map((row) => {
    if (row.length !== header.length) return { broken: 'csv' };
    return Object.fromEntries(header.map((field, n) => [field, field === 'name' ? row[n] : row[n]?.trim()]));
  });
}

function readLines(text: string): Values[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      try {
        return JSON.parse(line);
      } catch {
        return { broken: 'json' };
      }
    });
}
