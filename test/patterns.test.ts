// No pattern of ours takes more than linear time, whatever text it is given: each regular expression is read out of the
// code and searched for two ways to match the same text, which is what makes backtracking explode (ReDoS).
import { globSync, readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { join } from 'node:path';
import { Parser, type Token, tokTypes } from 'acorn';
import { isSafePattern } from 'redos-detector';
import t from 'tap';

const root = join(import.meta.dirname, '..');
const files = globSync('{src,plugins,workers,db}/**/*.ts', { cwd: root });

/** What is matched against them is never a client's, or is short. */
const bounded = new Map([
  ['^corrupted migrations: .* migration (\\S+) is missing$', 'words of the migrator'],
  [', (\\.\\.\\.)?".*is not valid JSON$', 'V8 quotes some thirty characters of what it could not parse'],
  [' \\(line \\d+ column \\d+\\)$', 'likewise'],
  [', column (\\S+):', 'PostgreSQL quotes at most a hundred characters of a value'],
]);

interface Pattern {
  file: string;
  pattern: string;
  flags: string;
}

type Valued = Token & { value: unknown };

/** Literals, and the `pattern` of a schema. */
function patternsOf(file: string): Pattern[] {
  const code = stripTypeScriptTypes(readFileSync(join(root, file), 'utf8'));
  // Its types leave out what the token stands for.
  const tokens = [...Parser.tokenizer(code, { ecmaVersion: 'latest', sourceType: 'module' })] as Valued[];
  return tokens.flatMap(({ type, value }, at) => {
    if (type === tokTypes.regexp) return [{ file, ...(value as { pattern: string; flags: string }) }];
    const isSchema = tokens[at - 1]?.type === tokTypes.colon && tokens[at - 2]?.value === 'pattern';
    return isSchema && type === tokTypes.string ? [{ file, pattern: String(value), flags: '' }] : [];
  });
}

function isLinear({ pattern, flags }: Omit<Pattern, 'file'>): boolean {
  const result = isSafePattern(pattern, {
    caseInsensitive: flags.includes('i'),
    dotAll: flags.includes('s'),
    multiLine: flags.includes('m'),
    unicode: flags.includes('u'),
    // How many ways: a few, such as an optional sign, are no matter.
    maxScore: 30,
    timeout: 20_000,
  });
  return result.safe;
}

t.test('every pattern takes linear time', async (t) => {
  const patterns = files.flatMap(patternsOf);
  t.ok(patterns.length > 60, `${patterns.length} of them`);
  t.ok(
    patterns.some(({ pattern }) => pattern.startsWith('^[0-9]{1,15}')),
    'those of schemas too',
  );
  const slow = patterns.filter((pattern) => !bounded.has(pattern.pattern) && !isLinear(pattern));
  t.same(slow, []);
  t.notOk(isLinear({ pattern: '^\\S+@\\S+$', flags: '' }), 'one that is quadratic would be found');
});

t.test('no pattern is made at run time, where this test would not see it', async (t) => {
  const making = files.filter((file) => /\bRegExp\(/.test(readFileSync(join(root, file), 'utf8')));
  t.same(making, []);
});
