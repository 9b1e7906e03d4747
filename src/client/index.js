// What `import … from 'bulk-import-export-api/client'` gives: index.ts; in an installed package, whose TypeScript Node does
// not run, what `npm pack` has made of it.
const isInstalled = import.meta.url.includes('/node_modules/');

export const { BulkChecksumError, BulkClient, BulkConnectionError, BulkProblem, hasEnded, isPassing, saveFile } =
  await import(isInstalled ? '../../dist/src/client/index.js' : './index.ts');
