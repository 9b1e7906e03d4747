// README.md and docs/: every link leads somewhere, every variable that is named is one, and the tables have all there is.
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import t from 'tap';
import type { Variable } from '../src/environment.ts';
import { problems } from '../src/problems.ts';
import { variables } from '../src/variables/index.ts';
import { rowsOf } from './table-rows.ts';

const root = join(import.meta.dirname, '..');
const pages = globSync(['*.md', 'docs/**/*.md', 'bench/*.md', 'deploy/**/*.md'], { cwd: root });
const read = (page: string) => readFileSync(join(root, page), 'utf8');

const withoutCode = (markdown: string) => markdown.replaceAll(/^(```+)[\s\S]*?^\1/gm, '').replaceAll(/`[^`\n]*`/g, '');

/** The anchors of a page, as GitHub makes them of its headings. */
function anchorsOf(markdown: string): Set<string> {
  const seen = new Map<string, number>();
  const anchors = new Set<string>();
  for (const [, heading = ''] of markdown.replaceAll(/^(```+)[\s\S]*?^\1/gm, '').matchAll(/^#{1,6} +(.+?) *#*$/gm)) {
    const text = heading.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase();
    const anchor = text.replaceAll(/[^\p{L}\p{N}\p{M} _-]/gu, '').replaceAll(' ', '-');
    const times = seen.get(anchor) ?? 0;
    seen.set(anchor, times + 1);
    anchors.add(times === 0 ? anchor : `${anchor}-${times}`);
  }
  return anchors;
}

/** Links and pictures of a page that lead nowhere, but for those to other hosts. */
function deadLinks(page: string, markdown: string): string[] {
  const targets = [...withoutCode(markdown).matchAll(/\]\(\s*<?([^)\s>]+)>?[^)]*\)|(?:src|href)="([^"]+)"/g)];
  return targets
    .map(([, link, attribute]) => link ?? attribute ?? '')
    .filter((target) => !/^[a-z][a-z0-9+.-]*:/.test(target))
    .filter((target) => {
      const [path = '', anchor] = target.split('#');
      const to = path === '' ? page : relative(root, join(root, dirname(page), path));
      if (!existsSync(join(root, to))) return true;
      return anchor !== undefined && !anchorsOf(to === page ? markdown : read(to)).has(anchor);
    });
}

t.test('every link leads somewhere', async (t) => {
  t.ok(['README.md', 'docs/operating.md'].every((page) => pages.includes(page)));
  for (const page of pages) t.same(deadLinks(page, read(page)), [], page);
  const faulty = '# One\n[a](#one) [b](#two) [c](README.md#limits) [d](README.md#limitz) [e](none.md) `[f](none.md)`';
  t.same(deadLinks('CHANGELOG.md', faulty), ['#two', 'README.md#limitz', 'none.md'], 'it would find some');
});

/** Names of others that look like variables: of glibc, of COPY, of systemd. */
const namesOfOthers = new Set(['GLIBC_TUNABLES', 'ON_ERROR', 'AF_INET', 'AF_INET6', 'AF_UNIX']);

const variablesIn = (text: string) => new Set(text.match(/\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b/g));

t.test('every variable that is named is one', async (t) => {
  const sources = globSync(
    [
      '{src,plugins,workers,db,bin,cli,client,console,bench,testdata}/**/*.{ts,js}',
      'compose*.yaml',
      'Dockerfile',
      'deploy/**/*.{yml,yaml}',
    ],
    { cwd: root },
  );
  const known = variablesIn(sources.map(read).join('\n'));
  const unknown = (text: string) =>
    [...variablesIn(text)].filter((name) => !known.has(name) && !namesOfOthers.has(name));
  const named = [
    ...pages.filter((page) => page !== 'CHANGELOG.md'),
    ...globSync('deploy/*.{conf,service}', { cwd: root }),
  ];
  for (const page of named) t.same(unknown(read(page)), [], page);
  t.same(unknown('`DB_MAX_OPEN_CONNS`, `DB_MAX_CONNS`'), ['DB_MAX_CONNS'], 'it would find some');
});

t.test('the README has every variable, as --help has it', async (t) => {
  const rows = rowsOf(read('README.md'), /^`[A-Z_]+` \|/);
  const expected = Object.entries<Variable<unknown>>(variables).map(([name, variable]) => {
    const { description, default: written, defaultText } = variable;
    return [name, defaultText ?? written ?? 'not set', description];
  });
  t.same(rows, expected);
});

t.test('the README has every problem code with its status', async (t) => {
  const rows = rowsOf(read('README.md'), /^[45]\d\d \|/);
  const known = Object.entries(problems).map(([code, [status]]) => `${status} ${code}`);
  t.same(rows.map(([status, code]) => `${status} ${code}`).sort(), known.sort());
});

t.test('every test that the table of faults names is there', async (t) => {
  const faults = rowsOf(read('README.md').split('## When things go wrong')[1] ?? '', /^[^|]+\|[^|]+\| `[\w-]+`/);
  const tests = globSync('test/**/*.test.ts', { cwd: root }).map((path) => path.replace(/^.*\/|\.test\.ts$/g, ''));
  t.ok(faults.length > 40);
  for (const [fault = '', , names = ''] of faults) {
    for (const name of names.split(', ')) t.ok(tests.includes(name), fault);
  }
});
