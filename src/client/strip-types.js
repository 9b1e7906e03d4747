// Node runs TypeScript as it is, but not that of installed packages (below node_modules). Where this package is one, its
// own files, and no others, are made runnable here, by the same function of Node. In a checkout this does nothing.
import { readFileSync } from 'node:fs';
import { registerHooks, stripTypeScriptTypes } from 'node:module';
import { fileURLToPath } from 'node:url';

const root = new URL('../../', import.meta.url).href;

if (root.includes('/node_modules/')) {
  registerHooks({
    load(url, context, nextLoad) {
      const path = url.startsWith(root) ? url.slice(root.length) : '';
      if (!path.endsWith('.ts') || path.includes('node_modules/')) return nextLoad(url, context);
      const source = stripTypeScriptTypes(readFileSync(fileURLToPath(url), 'utf8'));
      return { format: 'module', source, shortCircuit: true };
    },
  });
}
