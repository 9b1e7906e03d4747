// What `import … from 'bulk-import-export-api/client'` gives.
export { BulkClient } from './bulk-client.ts';
export {
  BulkChecksumError,
  BulkConnectionError,
  BulkProblem,
  type BulkProblemCode,
  isPassing,
} from './bulk-problem.ts';
export type { CallOptions, DownloadOptions, ListOptions, PreviewOptions } from './call-options.ts';
export type { FileSource, OnBytes } from './file-source.ts';
export type { HttpOptions } from './http.ts';
export type { ReceivedFile } from './read-body.ts';
export { saveFile } from './save-file.ts';
export type * from './types.ts';
export type { AcceptedImport, ImportOptions } from './upload.ts';
export { hasEnded, type WatchOptions } from './watch-job.ts';
