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
  const explain = createExplanation(resource);
  const { plain, copied } = defaultsOf(resource);
  const rules = resource.rules ?? [];
  const viewed: { values: Values } = { values: [] };
  const record = viewByName(names, viewed);

  return (values, format, now) => {
    for (const { position, value } of plain) {
      if (values[position] === undefined) values[position] = value === useNow ? now : value;
    }
    if (!isValid(values)) return explain(isValid.errors ?? [], values, format);
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

type Rule = Omit<BrokenRule, 'position'>;

/** Says which rules the failed keywords stand for. Two thirds of a file may need it: messages are made once. */
function createExplanation(resource: Resource) {
  const rules = Object.entries(resource.fields).map(([name, field]) => rulesOf(name, field));

  return (errors: readonly ErrorObject[], values: Values, format: Format): readonly BrokenRule[] => {
    const broken: BrokenRule[] = [];
    const failed: FailedKeyword[][] = [];
    for (const { instancePath, keyword: name } of errors) {
      const position = Number.parseInt(instancePath.slice(1), 10);
      const keyword = name as FailedKeyword;
      const before = (failed[position] ??= []);
      // A value of the wrong type breaks other rules by that alone, an array of them breaks one rule many times.
      if (before.includes('type') || before.includes(keyword)) continue;
      before.push(keyword);
      const { code, message } = (rules[position] as (typeof rules)[number])[keyword](values[position], format);
      broken.push({ position, code, message });
    }
    return broken.sort((a, b) => a.position - b.position);
  };
}

/** Code and message of the rule that a keyword of a field's schema stands for. */
function rulesOf(name: string, field: Field): Record<FailedKeyword, (value: unknown, format: Format) => Rule> {
  const required = { code: 'required', message: `${name} is required` };
  const notBoolean = { code: 'boolean', message: `${name} must be 'true' or 'false'` };
  const wrongType = { code: 'type', message: `${name} must be ${typeNames[field.type] ?? 'a string'}` };
  const type = (value: unknown, format: Format) => {
    if (value === undefined) return required;
    return field.type === 'boolean' && format === 'csv' ? notBoolean : wrongType;
  };
  const encoding = { code: 'encoding', message: 'contains a character PostgreSQL cannot store' };
  const notListed = {
    code: 'enum',
    message: `invalid ${name}, must be one of: ${'values' in field && field.values.join(', ')}`,
  };
  const malformed = formatRules[field.type]?.(name);
  const tooLong = {
    code: 'length',
    message: `${name} must be at most ${'maxLength' in field && field.maxLength} characters`,
  };
  const tooManyWords = `${name} exceeds maximum of ${'maxWords' in field && field.maxWords} words`;
  return {
    type,
    texts: type,
    enum: () => notListed,
    format: () => malformed ?? unreachable(name),
    storable: () => encoding,
    storableElements: () => encoding,
    maxCharacters: () => tooLong,
    maxWords: (value) => ({ code: 'words', message: `${tooManyWords} (has ${countWords(String(value))})` }),
  };
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

function unreachable(name: string): never {
  throw new Error(`the schema of ${name} has no format`);
}
