// GET /v1/resources: what can be imported and exported, and in which formats; all of it from the definitions.
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import fp from 'fastify-plugin';
import { type Static, Type } from 'typebox';
import { extensionsOf, formats, mediaTypes } from '../src/resources/formats.ts';
import { resources } from '../src/resources/index.ts';
import { type Field, isRequired, type Resource } from '../src/resources/resource.ts';
import { serviceDocs } from '../src/service-docs.ts';

const FieldSchema = Type.Object({
  name: Type.String(),
  type: Type.Enum(['uuid', 'email', 'slug', 'text', 'enum', 'boolean', 'timestamp', 'text[]']),
  required: Type.Boolean({ description: 'false: may be absent, null or empty; then its default applies.' }),
  key: Type.Boolean({ description: 'No two records may have the same value.' }),
  max_length: Type.Optional(Type.Integer({ minimum: 1, description: 'Characters.' })),
  max_words: Type.Optional(Type.Integer({ minimum: 1, description: 'Runs of characters that are not white space.' })),
  values: Type.Optional(Type.Array(Type.String())),
  references: Type.Optional(Type.String({ description: 'The resource whose id it must be.' })),
});

export const ResourcesSchema = Type.Object(
  {
    resources: Type.Array(Type.Object({ name: Type.String(), fields: Type.Array(FieldSchema) }), {
      description: 'Those that others refer to come before them.',
    }),
    formats: Type.Array(
      Type.Object({ name: Type.Enum([...formats]), extensions: Type.Array(Type.String()), media_type: Type.String() }),
    ),
  },
  { title: 'Resources' },
);

export default fp(
  async (instance) => {
    const app = instance.withTypeProvider<TypeBoxTypeProvider>();
    const answer: Static<typeof ResourcesSchema> = {
      resources: [...resources.values()].map((resource) => ({
        name: resource.name,
        fields: Object.entries(resource.fields).map(([name, field]) => describeField(resource, name, field)),
      })),
      formats: formats.map((name) => ({ name, extensions: extensionsOf(name), media_type: mediaTypes[name] })),
    };
    app.get(
      '/v1/resources',
      { config: { scope: 'read', docs: serviceDocs.resources }, schema: { response: { 200: ResourcesSchema } } },
      async () => answer,
    );
  },
  { name: 'resources', dependencies: ['auth'] },
);

function describeField({ keys }: Resource, name: string, field: Field): Static<typeof FieldSchema> {
  return {
    name,
    type: field.type,
    required: isRequired(field),
    key: keys.includes(name),
    ...('maxLength' in field && field.maxLength ? { max_length: field.maxLength } : {}),
    ...('maxWords' in field && field.maxWords ? { max_words: field.maxWords } : {}),
    ...(field.type === 'enum' ? { values: [...field.values] } : {}),
    ...(field.type === 'uuid' && field.references ? { references: field.references } : {}),
  };
}
