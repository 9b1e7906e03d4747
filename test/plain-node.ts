/** What was compiled once is not compiled again: most programs that tests start are this service. */
const compileCache = new URL('../node_modules/.cache/compile', import.meta.url).pathname;

// To touch a page of memory for the first time is dear in a virtual machine, and tests start many processes. As
// `npm test` has it for test files: what malloc() gives comes in pages of two megabytes, and V8's young objects keep to
// a few pages, which they touch again (a start: 1.7 instead of 2.0 s of processor time).
const allocation = process.env.GLIBC_TUNABLES ? [`GLIBC_TUNABLES=${process.env.GLIBC_TUNABLES}`] : [];
const youngGeneration = '--max-semi-space-size=4';

/**
 * A command, for `spawn`, as it is. To every process that a test starts tap adds hooks of its own (by NODE_OPTIONS,
 * whatever the environment given): they are loaded before the program, and once more in each of its threads.
 */
export function withoutTap(program: string, args: readonly string[]): [program: string, args: string[]] {
  return [
    '/usr/bin/env',
    ['-u', 'NODE_OPTIONS', `NODE_COMPILE_CACHE=${compileCache}`, ...allocation, program, ...args],
  ];
}

/** The same that runs this Node. */
export function plainNode(args: readonly string[]): [program: string, args: string[]] {
  return withoutTap(process.execPath, [youngGeneration, ...args]);
}
