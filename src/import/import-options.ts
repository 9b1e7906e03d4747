import type { Format } from '../resources/formats.ts';
import type { TraceContext } from '../tracing/trace-context.ts';

/**
 * What an import was asked for, kept with the job so that each attempt does the same: also the limits that decide
 * where the file is cut, because checkpoints of an earlier attempt hold only for the same cuts.
 */
export interface ImportOptions {
  fileName: string;
  format: Format;
  gzip: boolean;
  delimiter?: ',' | ';' | '\t';
  chunkRecords: number;
  chunkBytes: number;
  /** Of the request. */
  trace?: TraceContext;
}
