// What the methods of the client take besides what they are about.
import type { Format, JobStatus } from './types.ts';

export interface CallOptions {
  signal?: AbortSignal;
}

export interface PreviewOptions extends CallOptions {
  /** Default: guessed from the columns. */
  resource?: string;
  fileName?: string;
  format?: Format;
  delimiter?: string;
}

export interface ListOptions extends CallOptions {
  status?: JobStatus;
  resource?: string;
  /** 1 to 1000, default 50. */
  limit?: number;
  /** The `next` of the page before. */
  after?: string;
}

export interface DownloadOptions extends CallOptions {
  onBytes?: (received: number, total: number) => void;
}
