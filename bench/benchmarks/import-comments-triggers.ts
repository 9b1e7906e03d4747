import { importAgainstCopy } from '../measure-load.ts';

export default importAgainstCopy({
  name: 'import-comments-triggers',
  description: 'the same in a role that may not skip the foreign-key triggers',
  reach: { ratio: 0.65 },
  resource: 'comments',
  format: 'ndjson',
  contents: { loaded: ['users', 'articles'], restricted: true },
  referenceCheck: 'triggers',
});
