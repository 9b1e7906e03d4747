// The console's files as they are served, and what needs no browser. What the page does: test/tools/console.test.ts, in one.
import { createHash } from 'node:crypto';
import t from 'tap';
import consolePage from '../../plugins/console.ts';
import { httpService } from './http-service.ts';

const API_KEYS = 'ann:read+write:ann-0123456789abcdef';

t.test('the console', async (t) => {
  const { app } = await httpService(t, { API_KEYS }, async (app) => void (await app.register(consolePage)));
  const page = await app.inject('/');

  /** Every file that the page and its modules name. */
  async function allFiles(): Promise<Map<string, { type: string; text: string }>> {
    const found = new Map<string, { type: string; text: string }>();
    const waiting = [...page.body.matchAll(/"(\/console\/[^"]+)"/g)].map(([, url]) => url!);
    for (const url of waiting) {
      if (found.has(url)) continue;
      const { statusCode, headers, body } = await app.inject(url);
      t.equal(statusCode, 200, url);
      found.set(url, { type: String(headers['content-type']), text: body });
      for (const [, name = ''] of body.matchAll(/from\s*['"](\.[^'"]+)['"]/g)) {
        waiting.push(new URL(name, `http://x${url}`).pathname);
      }
    }
    return found;
  }

  t.test('is there without an API key, and under a policy that lets nothing in from elsewhere', async (t) => {
    t.equal(page.statusCode, 200);
    t.equal(page.headers['content-type'], 'text/html; charset=utf-8');
    const policy = String(page.headers['content-security-policy']);
    t.match(policy, /default-src 'none'; script-src 'self' 'sha256-[\w+/]{43}='; style-src 'self'; /);
    t.notMatch(policy, /unsafe|\*|https?:|data:|blob:/);
    const inline = [...page.body.matchAll(/<script(?![^>]*\bsrc=)[^>]*>(.*?)<\/script>/gs)].map(([, text]) => text!);
    t.equal(inline.length, 1, 'one inline script, the import map');
    t.match(policy, createHash('sha256').update(inline[0]!).digest('base64'), 'allowed by its hash');
    t.notMatch(page.body, /\bstyle=|\bon\w+=/);
    t.match(page.headers, { 'x-frame-options': 'DENY', 'x-content-type-options': 'nosniff' });
  });

  t.test('consists of files of its own alone, each of which is there', async (t) => {
    const files = await allFiles();
    t.ok(files.size > 40);
    for (const [url, { type, text }] of files) {
      const expected = url.endsWith('js')
        ? /^(text|application)\/javascript/
        : url.endsWith('.css')
          ? 'text/css'
          : 'image/svg+xml';
      t.match(type, expected, url);
      t.notMatch(
        text.replace('http://www.w3.org/2000/svg', ''),
        /(from|import|src|href|url)[\s=('"]+(https?:)?\/\//,
        url,
      );
    }
  });

  t.test('is kept for good under an address that changes with it', async (t) => {
    const [, main = ''] = /src="([^"]+\/main\.js)"/.exec(page.body) ?? [];
    t.match(main, /^\/console\/[0-9a-f]{16}\/main\.js$/);
    t.match((await app.inject(main)).headers, { 'cache-control': 'public, max-age=31536000, immutable' });
    t.equal(page.headers['cache-control'], 'no-cache');
    const other = await app.inject('/console/0123456789abcdef/main.js');
    t.match(other, { statusCode: 200, headers: { 'cache-control': 'no-cache' } }, 'during an upgrade');
    const again = await app.inject({ url: main, headers: { 'if-none-match': String(other.headers.etag) } });
    t.equal(again.statusCode, 304);
  });

  t.test('serves nothing else of the machine', async (t) => {
    for (const url of [
      '/console/',
      '/console/main.js',
      ...[
        'index.html',
        'types.ts',
        'tsconfig.json',
        '../package.json',
        '../../package.json',
        '%2e%2e/package.json',
      ].map((name) => `/console/x/${name}`),
      ...['..%2fpackage.json', 'vendor/', 'vendor/..%2f..%2fpackage.json'].map((name) => `/console/x/${name}`),
    ]) {
      t.match(
        await app.inject(url),
        { statusCode: 404, headers: { 'content-type': /^application\/problem\+json/ } },
        url,
      );
    }
  });
});

t.test('a column may be called as what every object has; where a record has none the cell is empty', async (t) => {
  const { PreviewTable } = await import(new URL('../../console/views/import/preview-table.js', import.meta.url).href);
  const texts: string[] = [];
  const draw = (node: unknown): void => {
    if (Array.isArray(node)) node.forEach(draw);
    else if (typeof node === 'string') texts.push(node);
    else if (typeof node === 'object' && node !== null) {
      const { type, props } = node as { type: unknown; props: { children?: unknown } };
      const isPart = typeof type === 'function' && ['PreviewRow', 'Cell'].includes(type.name);
      draw(isPart ? type(props) : props.children);
    }
  };
  const columns = ['constructor', 'toString'].map((name) => ({ name, field: null }));
  const records = [{ record: 1, line: 2, values: { constructor: 'own' }, errors: [] }];
  draw(PreviewTable({ columns, records, hasResource: false }));
  t.same(texts.slice(-2), ['own', 'empty']);
});
