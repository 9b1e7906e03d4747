// Run first in every test process (NODE_OPTIONS in package.json), and in its threads. tap has each of them write down which
// files it loads, for `tap --changed` and coverage, which are not used here: it reads every module once more and takes its
// source map apart, and a parse thread starts half as fast. So what would do that is replaced by nothing.
import { registerHooks } from 'node:module';

const hooks = registerHooks({
  resolve(specifier, context, next) {
    if (!specifier.endsWith('/@tapjs/processinfo/dist/esm/import.mjs')) return next(specifier, context);
    hooks.deregister();
    return { url: 'data:text/javascript,', shortCircuit: true };
  },
});

// Not for the processes that tests start, elsewhere.
delete process.env.NODE_OPTIONS;
