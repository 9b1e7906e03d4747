/** What was compiled once is not compiled again: most programs that tests start are this service. */
const compileCache = new URL('../node_modules/.cache/compile', import.meta.url).pathname;

/**
 * A command, for `spawn`, as it is. To every process that a test starts tap adds hooks of its own (by NODE_OPTIONS,
 * whatever the environment given): they are loaded before the program, and once more in each of its threads.
 */
export function withoutTap(program: string, args: readonly string[]): [program: string, args: string[]] {
  return ['/usr/bin/env', ['-u', 'NODE_OPTIONS', `NODE_COMPILE_CACHE=${compileCache}`, program, ...args]];
}

/** The same that runs this Node. */
export function plainNode(args: readonly string[]): [program: string, args: string[]] {
  return withoutTap(process.execPath, args);
}
