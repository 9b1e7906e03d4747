// The console: the page at / for people who have a file and a browser. Its files are served as they lie in console/, and
// the libraries that it imports as they lie in node_modules, each by name; nothing is built and nothing comes from
// elsewhere. The files need no API key; every call that the page makes does.
//
// Their addresses hold a hash of all of them, so a browser keeps them for good: it has asked for 80 files at the first visit,
// and asks for none of them at the next until one has changed.
import { createHash } from 'node:crypto';
import { globSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import files from '@fastify/static';
import fp from 'fastify-plugin';
import { problem } from '../src/problems.ts';

const folder = join(import.meta.dirname, '../console');

/** Name under /console/vendor/ → what the page's import map calls it, or which file beside that it imports. */
const libraries: Readonly<Record<string, readonly [name: string, file?: string]>> = {
  'preact.mjs': ['preact'],
  'preact-hooks.mjs': ['preact/hooks'],
  'htm.mjs': ['htm'],
  'htm-preact.mjs': ['htm/preact'],
  'eventsource-parser/index.js': ['eventsource-parser'],
  'eventsource-parser/parse.js': ['eventsource-parser', 'parse.js'],
  'eventsource-parser/errors.js': ['eventsource-parser', 'errors.js'],
};

export default fp(
  async (app) => {
    await app.register(files, { serve: false });
    const served = new Map([
      ...globSync('**/*.{css,js,svg}', { cwd: folder })
        .sort()
        .map((name) => [name, join(folder, name)] as const),
      ...Object.entries(libraries).map(
        ([name, [library, file = '']]) =>
          [`vendor/${name}`, fileURLToPath(new URL(file, import.meta.resolve(library)))] as const,
      ),
    ]);
    const version = versionOf([...served.values()]);
    const ownFiles = preloadModules(readFileSync(join(folder, 'index.html'), 'utf8'), [...served.keys()]);
    const page = ownFiles.replaceAll('"/console/', `"/console/${version}/`);
    const contentSecurityPolicy = policyOf(page);

    app.get('/', { config: { scope: 'public' } }, async (_request, reply) =>
      reply
        .headers({ 'content-security-policy': contentSecurityPolicy, 'cache-control': 'no-cache' })
        .type('text/html; charset=utf-8')
        .send(page),
    );

    app.get<{ Params: { version: string; '*': string } }>(
      '/console/:version/*',
      { config: { scope: 'public' } },
      async ({ params }, reply) => {
        const path = served.get(params['*']);
        if (!path) throw problem('not_found', 'there is nothing at this URL');
        // A page of another version, such as of a process beside this one during an upgrade, keeps none of ours for its own.
        const caching = params.version === version ? 'public, max-age=31536000, immutable' : 'no-cache';
        return reply.header('cache-control', caching).sendFile(basename(path), dirname(path), { cacheControl: false });
      },
    );
  },
  { name: 'console', dependencies: ['security-headers', 'problem-details', 'auth'] },
);

/** The same on every machine. */
function versionOf(paths: readonly string[]): string {
  const hash = createHash('sha256');
  for (const path of paths) hash.update(readFileSync(path)).update('\0');
  return hash.digest('hex').slice(0, 16);
}

/** All modules at once, instead of a round trip for each level of imports. */
function preloadModules(page: string, names: readonly string[]): string {
  const links = names
    .filter((name) => /\.m?js$/.test(name))
    .sort()
    .map((name) => `    <link rel="modulepreload" href="/console/${name}">\n`);
  return page.replace('  </head>', () => `${links.join('')}  </head>`);
}

/** Nothing but files of this service, and of inline scripts only the import map, by its hash (CSP level 3). */
function policyOf(page: string): string {
  const importMap = page.split('<script type="importmap">')[1]?.split('</script>')[0];
  if (importMap === undefined) throw new Error('console/index.html has no import map');
  const hash = createHash('sha256').update(importMap).digest('base64');
  return [
    "default-src 'none'",
    `script-src 'self' 'sha256-${hash}'`,
    "style-src 'self'",
    "img-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
  ].join('; ');
}
