// Decides whether a record may be loaded: fills in the defaults, asks the compiled schema and the resource's own rules,
// and says of every broken rule what records.md says of it. What only the table knows (duplicates, references) is
// left to the loader.
import type { ErrorObject } from 'ajv';
import type { Format } from '../src/resources/formats.ts';
import type { Field, RecordValues, Resource } from '../src/resources/resource.ts';
import { countWords } from './field-checks.ts';
import { compileRecordSchema, type FailedKeyword } from './record-schema.ts';

/** A record's values in the order of the resource's fields; `undefined` where nothing was given. */
export type Values = unknown[];

export interface BrokenRule {
  /** Of the field, among the resource's fields. */
  position: number;
  code: string;
  message: string;
}

/**
 * Puts defaults where nothing was given, then checks. Afterwards, unless a rule is broken, no value is undefined.
 * @param now RFC 3339; the value of fields whose default is `now`.
 * @returns the broken rules in the order of the fields; none: the record is valid.
 */
export type RecordCheck = (values: Values, format: Format, now: string) => readonly BrokenRule[];

const none: readonly BrokenRule[] = Object.freeze([]);

export function createRecordCheck(resource: Resource): RecordCheck {
  const names = Object.keys(resource.fields);
  const isValid = compileRecordSchema(resource);
  const { plain, copied } = defaultsOf(resource);
  const rules = resource.rules ?? [];
  const viewed: { values: Values } = { values: [] };
  const record = viewByName(names, viewed);

  return (values, format, now) => {
    for (const { position, value } of plain) {
      if (values[position] === undefined) values[position] = value === useNow ? now : value;
    }
    if (!isValid(values)) return explain(resource, isValid.errors ?? [], values, format);
    for (const { position, from } of copied) values[position] ??= values[from];
    if (rules.length === 0) return none;
    viewed.values = values;
    let broken: BrokenRule[] | undefined;
    for (const rule of rules) {
      if (!rule.broken(record)) continue;
      const { code, message } = rule;
      (broken ??= []).push({ position: names.indexOf(rule.field), code, message });
    }
    return broken?.sort((a, b) => a.position - b.position) ?? none;
  };
}

const useNow = Symbol('now');

/** A default that is copied from another field is null until that field is known to be valid. */
function defaultsOf({ fields }: Resource) {
  const names = Object.keys(fields);
  const plain: { position: number; value: unknown }[] = [];
  const copied: { position: number; from: number }[] = [];
  for (const [position, field] of Object.values(fields).entries()) {
    if (!('default' in field)) continue;
    if (field.type !== 'timestamp') plain.push({ position, value: field.default });
    else if (field.default === 'now') plain.push({ position, value: useNow });
    else {
      plain.push({ position, value: null });
      if (field.default) copied.push({ position, from: names.indexOf(field.default.field) });
    }
  }
  return { plain, copied };
}

/** The viewed values by field name: one object for all records, because most resources' records need none. */
function viewByName(names: readonly string[], viewed: { values: Values }): RecordValues {
  const view = {};
  for (const [position, name] of names.entries()) {
    Object.defineProperty(view, name, { get: () => viewed.values[position], enumerable: true });
  }
  return view;
}

function explain(resource: Resource, errors: ErrorObject[], values: Values, format: Format): BrokenRule[] {
  const fields = Object.entries(resource.fields);
  const broken: BrokenRule[] = [];
  const reported = new Set<string>();
  for (const { keyword, instancePath } of errors) {
    const position = Number.parseInt(instancePath.slice(1), 10);
    const [name, field] = fields[position] as [string, Field];
    // A value of the wrong type breaks other rules by that alone, an array of them breaks one rule many times.
    if (reported.has(`${name} type`) || reported.has(`${name} ${keyword}`)) continue;
    reported.add(`${name} ${keyword}`);
    broken.push({ position, ...ruleOf(name, field, keyword as FailedKeyword, values[position], format) });
  }
  return broken.sort((a, b) => a.position - b.position);
}

/** Code and message of the rule that a keyword stands for. */
function ruleOf(name: string, field: Field, keyword: FailedKeyword, value: unknown, format: Format) {
  switch (keyword) {
    case 'type':
    case 'texts':
      if (value === undefined) return { code: 'required', message: `${name} is required` };
      if (field.type === 'boolean' && format === 'csv') {
        return { code: 'boolean', message: `${name} must be 'true' or 'false'` };
      }
      return { code: 'type', message: `${name} must be ${typeNames[field.type] ?? 'a string'}` };
    case 'enum':
      return {
        code: 'enum',
        message: `invalid ${name}, must be one of: ${'values' in field && field.values.join(', ')}`,
      };
    case 'format':
      return formatRules[field.type]?.(name) ?? unreachable(name, keyword);
    case 'storable':
    case 'storableElements':
      return { code: 'encoding', message: 'contains a character PostgreSQL cannot store' };
    case 'maxCharacters':
      return {
        code: 'length',
        message: `${name} must be at most ${'maxLength' in field && field.maxLength} characters`,
      };
    case 'maxWords': {
      const limit = 'maxWords' in field && field.maxWords;
      return { code: 'words', message: `${name} exceeds maximum of ${limit} words (has ${countWords(String(value))})` };
    }
    default:
      return unreachable(name, keyword);
  }
}

const typeNames: Partial<Record<Field['type'], string>> = { boolean: 'a boolean', 'text[]': 'an array of strings' };

const formatRules: Partial<Record<Field['type'], (name: string) => { code: string; message: string }>> = {
  uuid: () => ({ code: 'uuid', message: 'invalid UUID format' }),
  email: () => ({ code: 'email', message: 'invalid email format' }),
  timestamp: () => ({ code: 'datetime', message: 'invalid ISO 8601 date format' }),
  slug: (name) => ({
    code: 'slug',
    message: `${name} must be kebab-case (lowercase letters, numbers, hyphens)`,
  }),
};

function unreachable(name: string, keyword: never | string): never {
  throw new Error(`no message for the keyword ${keyword} of ${name}`);
}
