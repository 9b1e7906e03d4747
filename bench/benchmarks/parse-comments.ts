import { parseAgainst } from '../measure-parse.ts';

export default parseAgainst({
  name: 'parse-comments',
  description: 'parse, validate and encode comments from NDJSON in one thread against JSON.parse alone',
  reach: { ratio: 3 },
  resource: 'comments',
  format: 'ndjson',
  baseline: 'JSON.parse',
});
