import { parseAgainst } from '../measure-parse.ts';

const decoder = new TextDecoder();

export default parseAgainst({
  name: 'parse-comments',
  description: 'parse, validate and encode comments from NDJSON in one thread against JSON.parse alone',
  reach: { ratio: 3 },
  resource: 'comments',
  format: 'ndjson',
  baseline: 'JSON.parse',
  parse: (bytes) => {
    const lines = decoder.decode(bytes).split('\n');
    for (const line of lines) JSON.parse(line);
    return lines.length;
  },
});
