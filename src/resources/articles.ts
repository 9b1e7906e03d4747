import { defineResource } from './resource.ts';

export default defineResource({
  name: 'articles',
  singular: 'article',
  fields: {
    id: { type: 'uuid' },
    slug: { type: 'slug', maxLength: 255 },
    title: { type: 'text', maxLength: 500 },
    body: { type: 'text' },
    author_id: { type: 'uuid', references: 'users' },
    tags: { type: 'text[]', default: [] },
    status: { type: 'enum', values: ['draft', 'published'], default: 'draft' },
    published_at: { type: 'timestamp', default: null },
    created_at: { type: 'timestamp', default: 'now' },
  },
  keys: ['id', 'slug'],
  rules: [
    {
      field: 'published_at',
      code: 'draft',
      message: 'draft articles must not have published_at',
      broken: ({ status, published_at }) => status === 'draft' && published_at !== null,
    },
  ],
});
