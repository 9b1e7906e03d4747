// The records of the resources, as exports hold them and imports take them, derived from their definitions.
import { type Field, isRequired, type Resource } from '../resources/resource.ts';
import type { Schema } from './route-docs.ts';

/** @returns one object schema a resource; no property is required, since an export may leave fields out. */
export function recordSchemas(resources: ReadonlyMap<string, Resource>): Schema[] {
  return [...resources.values()].map(({ singular, fields }) => ({
    title: `${singular.charAt(0).toUpperCase()}${singular.slice(1)}Record`,
    type: 'object',
    description: describe(fields),
    properties: Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, fieldSchema(field)])),
    additionalProperties: false,
  }));
}

function describe(fields: Resource['fields']): string {
  const required = Object.entries(fields).flatMap(([name, field]) => (isRequired(field) ? [`\`${name}\``] : []));
  return `An import needs ${required.join(', ')}. An export has the fields that were asked for.`;
}

function fieldSchema(field: Field): Schema {
  const schema = typeSchema(field);
  if (!('default' in field)) return schema;
  if (field.default === null) return { ...schema, type: ['string', 'null'], default: null };
  if (field.type === 'timestamp') {
    const source = typeof field.default === 'object' ? `as \`${field.default.field}\`` : 'the time of acceptance';
    return { ...schema, description: `Default: ${source}.` };
  }
  return { ...schema, default: field.default };
}

function typeSchema(field: Field): Record<string, unknown> {
  switch (field.type) {
    case 'uuid':
      return {
        type: 'string',
        format: 'uuid',
        ...(field.references ? { description: `\`id\` of one of the ${field.references}.` } : {}),
      };
    case 'email':
      return { type: 'string', format: 'email', maxLength: field.maxLength };
    case 'slug':
      return { type: 'string', pattern: '^[a-z0-9]+(-[a-z0-9]+)*$', maxLength: field.maxLength };
    case 'text':
      return {
        type: 'string',
        minLength: 1,
        ...(field.maxLength === undefined ? {} : { maxLength: field.maxLength }),
        ...(field.maxWords === undefined ? {} : { description: `At most ${field.maxWords} words.` }),
      };
    case 'enum':
      return { type: 'string', enum: field.values };
    case 'boolean':
      return { type: 'boolean' };
    case 'timestamp':
      return { type: 'string', format: 'date-time' };
    case 'text[]':
      return { type: 'array', items: { type: 'string' } };
  }
}
