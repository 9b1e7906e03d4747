// The Ajv schema of a resource, derived from its definition and compiled once per thread. A record is validated as a
// tuple, its fields in the order of the definition: so a CSV record never becomes an object. `undefined` is a required
// value that is missing, `null` an optional one. Which message a failed keyword stands for: validate.ts.
import { _, Ajv, type CodeKeywordDefinition, type KeywordCxt, type ValidateFunction } from 'ajv';
import { type Field, isRequired, type Resource } from '../src/resources/resource.ts';
import { hasMoreWords, isEmail, isLongerThan, isSlug, isStorable, isUuid } from './field-checks.ts';
import { isTimestamp } from './timestamp.ts';

/** The keywords a schema is made of, besides `items`: whatever fails is one of these. */
export type FailedKeyword =
  | 'type'
  | 'enum'
  | 'format'
  | 'storable'
  | 'storableElements'
  | 'maxCharacters'
  | 'maxWords'
  | 'texts';

const ajv = new Ajv({
  // Schemas of our own making, and valid by their types: that of schemas need not be compiled in every thread.
  validateSchema: false,
  meta: false,
  allErrors: true,
  messages: false,
  formats: { uuid: isUuid, email: isEmail, slug: isSlug, timestamp: isTimestamp },
  keywords: [
    keyword('storable', 'boolean', isStorable),
    keyword('maxCharacters', 'number', (text, max) => !isLongerThan(text, max)),
    keyword('maxWords', 'number', (text, max) => !hasMoreWords(text, max)),
    // Of an array Ajv's `items` would tell each element that is wrong, millions of them.
    keyword('texts', 'boolean', areTexts, 'array'),
    keyword('storableElements', 'boolean', areStorable, 'array'),
  ],
});

export function compileRecordSchema(resource: Resource): ValidateFunction {
  const items = Object.values(resource.fields).map(fieldSchema);
  return ajv.compile({ type: 'array', items, minItems: items.length, maxItems: items.length });
}

function fieldSchema(field: Field): object {
  const nullable = !isRequired(field);
  switch (field.type) {
    case 'uuid':
    case 'timestamp':
      return { type: 'string', format: field.type, nullable };
    case 'email':
    case 'slug':
      return { type: 'string', storable: true, maxCharacters: field.maxLength, format: field.type };
    case 'text': {
      const { maxLength, maxWords } = field;
      return {
        type: 'string',
        nullable,
        storable: true,
        ...(maxLength === undefined ? {} : { maxCharacters: maxLength }),
        ...(maxWords === undefined ? {} : { maxWords }),
      };
    }
    case 'enum':
      return { type: 'string', enum: field.values };
    case 'boolean':
      return { type: 'boolean' };
    case 'text[]':
      return { type: 'array', texts: true, storableElements: true };
  }
}

function areTexts(array: readonly unknown[]): boolean {
  return array.every((element) => typeof element === 'string');
}

/** Elements that are no texts are the other keyword's affair. */
function areStorable(array: readonly unknown[]): boolean {
  return array.every((element) => typeof element !== 'string' || isStorable(element));
}

interface Checked {
  string: string;
  array: readonly unknown[];
}

/** A keyword as generated code: for each call of a plain `validate` function Ajv would make an object. */
function keyword<T extends keyof Checked = 'string'>(
  name: FailedKeyword,
  schemaType: 'boolean' | 'number',
  holds: (value: Checked[T], schema: number) => boolean,
  type: T = 'string' as T,
): CodeKeywordDefinition {
  return {
    keyword: name,
    type,
    schemaType,
    code(context: KeywordCxt) {
      const check = context.gen.scopeValue('func', { ref: holds });
      context.pass(_`${check}(${context.data}, ${context.schemaCode})`);
    },
  };
}
