import { importAgainstCopy } from '../measure-load.ts';

export default importAgainstCopy({
  name: 'import-comments-ndjson',
  description: 'import of comments from NDJSON, fast reference check, against raw COPY',
  reach: { ratio: 0.45 },
  resource: 'comments',
  format: 'ndjson',
  contents: { loaded: ['users', 'articles'] },
  referenceCheck: 'set',
});
