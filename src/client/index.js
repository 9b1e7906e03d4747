// What `import … from 'bulk-import-export-api/client'` gives: the same as index.ts, also where this package is an installed one.
import './strip-types.js';

export const { BulkChecksumError, BulkClient, BulkConnectionError, BulkProblem, hasEnded, isPassing, saveFile } =
  await import('./index.ts');
