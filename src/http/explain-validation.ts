// What a request's schema refused, in words: the parameter and what it takes. Needs ajv's `verbose`, which adds to each
// error the schema that was broken and by what (see server-options.ts).
import type { FastifySchemaValidationError } from 'fastify';
import { type Problem, problem } from '../problems.ts';

/** The parts of JSON Schema that our routes use. */
interface Schema {
  type?: string;
  enum?: readonly unknown[];
  const?: unknown;
  anyOf?: readonly Schema[];
  items?: Schema;
  properties?: Record<string, Schema>;
  minimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
  pattern?: string;
  format?: string;
  description?: string;
}

type SchemaError = FastifySchemaValidationError & { parentSchema?: Schema; data?: unknown };

interface Explicable {
  validation: readonly FastifySchemaValidationError[];
  validationContext?: string;
}

/** Fastify's name for a part of the request → ours. */
const places: Readonly<Record<string, string>> = { querystring: 'query', params: 'path', headers: 'headers' };

/** Of an error that Fastify throws when a schema refuses a request. */
export function explainValidation({ validation, validationContext = '' }: Explicable): Problem {
  // Without allErrors the last one is the outermost: `anyOf` comes after the errors of its branches.
  const { keyword, instancePath, params, parentSchema = {}, data } = validation.at(-1) as SchemaError;
  const path = instancePath.slice(1).split('/').filter(Boolean);
  const place = places[validationContext] ?? 'body';
  if (keyword === 'additionalProperties') {
    const name = shorten(String(params.additionalProperty));
    const known = Object.keys(parentSchema.properties ?? {}).join(', ');
    return problem('unknown_option', `unknown parameter '${name}', must be one of: ${known}`, {
      field: name,
      in: place,
    });
  }
  const missing = keyword === 'required' ? String(params.missingProperty) : null;
  const field = shorten([...path, ...(missing ? [missing] : [])].join('.'));
  // No parameter of ours is a list: this is what one becomes that is repeated.
  if (place === 'query' && Array.isArray(data)) {
    return problem('invalid_parameter', `${field} is given more than once`, { field, in: place });
  }
  const accepted = describe((missing ? parentSchema.properties?.[missing] : parentSchema) ?? {});
  const detail = missing
    ? `${field} is required, and must be ${accepted}`
    : `${field || `the ${place}`} must be ${accepted}`;
  return problem('invalid_parameter', detail, { ...(field ? { field } : {}), in: place });
}

/** Completes "must be …". */
function describe(schema: Schema): string {
  if (schema.enum) return `one of: ${schema.enum.join(', ')}`;
  if (schema.const !== undefined) return String(schema.const);
  if (schema.anyOf) {
    const constants = schema.anyOf.map((branch) => branch.const);
    return constants.includes(undefined) ? schema.anyOf.map(describe).join(', or ') : `one of: ${constants.join(', ')}`;
  }
  switch (schema.type) {
    case 'integer':
      return `a whole number${range(schema.minimum, schema.maximum)}`;
    case 'number':
      return `a number${range(schema.minimum, schema.maximum)}`;
    case 'string':
      return describeText(schema);
    case 'boolean':
      return 'true or false';
    case 'array':
      return schema.items ? `a list, each ${describe(schema.items)}` : 'a list';
    case 'object':
      return 'a JSON object';
    default:
      return 'given';
  }
}

function range(least: number | undefined, most: number | undefined, unit = ''): string {
  if (least !== undefined && most !== undefined) return ` from ${least} to ${most}${unit}`;
  if (least !== undefined) return `, ${least}${unit} or more`;
  return most === undefined ? '' : `, ${most}${unit} or fewer`;
}

function describeText({ minLength, maxLength, format, pattern, description }: Schema): string {
  // Whoever made the request has no use for a regular expression.
  if (pattern && description) return description.charAt(0).toLowerCase() + description.slice(1).replace(/\.$/, '');
  return `text${range(minLength, maxLength, ' characters')}${format ? ` of the form ${format}` : ''}`;
}

/** Client text is repeated in messages, but not at any length. */
function shorten(text: string): string {
  return text.length > 100 ? `${text.slice(0, 100)}…` : text;
}
