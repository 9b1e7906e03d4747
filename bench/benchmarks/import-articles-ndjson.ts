import { importAgainstCopy } from '../measure-load.ts';

export default importAgainstCopy({
  name: 'import-articles-ndjson',
  description: 'import of articles from NDJSON against raw COPY',
  reach: { ratio: 0.8 },
  resource: 'articles',
  format: 'ndjson',
  contents: { loaded: ['users'] },
  referenceCheck: 'set',
});
