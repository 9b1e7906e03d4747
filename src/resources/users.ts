import { defineResource } from './resource.ts';

export default defineResource({
  name: 'users',
  singular: 'user',
  fields: {
    id: { type: 'uuid' },
    email: { type: 'email', maxLength: 255 },
    name: { type: 'text', maxLength: 255 },
    role: { type: 'enum', values: ['admin', 'editor', 'viewer'] },
    active: { type: 'boolean', default: true },
    created_at: { type: 'timestamp' },
    updated_at: { type: 'timestamp', default: { field: 'created_at' } },
  },
  keys: ['id', 'email'],
});
