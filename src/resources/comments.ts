import { defineResource } from './resource.ts';

export default defineResource({
  name: 'comments',
  singular: 'comment',
  fields: {
    id: { type: 'uuid' },
    article_id: { type: 'uuid', references: 'articles' },
    user_id: { type: 'uuid', references: 'users' },
    body: { type: 'text', maxWords: 500 },
    created_at: { type: 'timestamp' },
  },
  keys: ['id'],
});
