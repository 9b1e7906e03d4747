// Text that parsers, databases, logs and terminals have stumbled over, as fast-check arbitraries.
import fc from 'fast-check';

export const awkward = [
  '',
  ' ',
  '\0',
  '\r\n',
  '\t',
  '\u001b[2J',
  '\ufeff',
  '\u2028',
  '\u202e',
  '\ud83d\ude00',
  '\ud83d',
  'é',
  '__proto__',
  'constructor',
  'toString',
  'prototype',
  'null',
  'undefined',
  'NaN',
  '-1',
  '1e308',
  '9223372036854775808',
  '0x10',
  '../../etc/passwd',
  '..\\..\\x',
  '%00',
  '%',
  '%zz',
  '%F0%9F',
  '$1',
  "' OR 1=1 --",
  '"; DROP TABLE users; --',
  '\\',
  '\\N',
  '\\.',
  '=1+1',
  '@SUM(1)',
  '<script>',
  '\r\nX-Injected: yes',
  '[',
  ']',
  '{}',
  '[]',
  '{"a":1}',
  '@@@@@@@@@@ ',
  'users',
  'articles',
  'csv',
  'ndjson',
  '2024-01-01T00:00:00Z',
  '0000-00-00T00:00:00Z',
  '9999-12-31T23:59:59.999999999999999999999999999999999999999999+15:59',
  '00000000-0000-4000-8000-000000000001',
  'pending',
  'true',
] as const;

/** One awkward text, a run of one, or any text. */
export const hostileText: fc.Arbitrary<string> = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...awkward) },
  { weight: 1, arbitrary: fc.tuple(fc.constantFrom(...awkward), fc.integer({ min: 2, max: 400 })).map(repeat) },
  { weight: 1, arbitrary: fc.array(fc.constantFrom(...awkward), { maxLength: 4 }).map((texts) => texts.join('')) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 40 }) },
);

/** JSON values, some nested deeper than a recursive function can follow. */
export const hostileJson: fc.Arbitrary<string> = fc.oneof(
  { weight: 4, arbitrary: hostileText.map((text) => JSON.stringify(text)) },
  { weight: 2, arbitrary: fc.jsonValue({ maxDepth: 3 }).map((value) => JSON.stringify(value)) },
  { weight: 2, arbitrary: fc.constantFrom('null', 'true', '0', '-1', '1e999', '1.5', '[]', '{}', '[null]', '') },
  {
    weight: 1,
    arbitrary: fc.dictionary(hostileText, hostileText, { maxKeys: 3 }).map((value) => JSON.stringify(value)),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom('{"__proto__":{"a":1}}', '{"constructor":{"prototype":{"a":1}}}', '{"toString":1}'),
  },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 50_000 }).map((depth) => '['.repeat(depth) + ']'.repeat(depth)) },
);

function repeat([text, times]: [string, number]): string {
  return text.repeat(times);
}
