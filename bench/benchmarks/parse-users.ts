import { parseAgainst } from '../measure-parse.ts';

export default parseAgainst({
  name: 'parse-users',
  description: 'parse, validate and encode users from CSV in one thread against papaparse alone',
  reach: { ratio: 3 },
  resource: 'users',
  format: 'csv',
  baseline: 'papaparse',
});
