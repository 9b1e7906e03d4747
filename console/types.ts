// What the API answers, as the console's modules name it; derived from the schemas that shape those answers. Types
// alone: this file is not served.
import type { Static } from 'typebox';
import type { ExportSchema } from '../src/export/export-view.ts';
import type { ImportSchema, ImportSummarySchema } from '../src/import/import-view.ts';

export type Import = Static<typeof ImportSchema>;
export type ImportSummary = Static<typeof ImportSummarySchema>;
export type Export = Static<typeof ExportSchema>;
export type JobStatus = Import['status'];

export interface Field {
  name: string;
  type: 'uuid' | 'email' | 'slug' | 'text' | 'enum' | 'boolean' | 'timestamp' | 'text[]';
  required: boolean;
  values?: string[];
}

export interface ResourceList {
  resources: { name: string; fields: Field[] }[];
  formats: { name: string; extensions: string[]; media_type: string }[];
}

export interface RowError {
  line: number;
  record: number;
  field?: string | null;
  code: string;
  message: string;
  value?: string | null;
}

export interface Preview {
  resource: string | null;
  resource_guess: string | null;
  format: string;
  delimiter?: string;
  columns: { name: string; field: string | null }[];
  missing_columns: string[];
  records: { line: number; record: number; values: Record<string, unknown>; errors: RowError[] }[];
  checked: number;
  rejected: number;
  failure?: { code: string; detail: string; line?: number };
}

export interface ErrorGroups {
  job_id: string;
  error_count: number;
  groups: {
    field: string | null;
    code: string;
    message: string;
    count: number;
    examples: { line: number; record: number; value?: string | null }[];
  }[];
}

export interface Overview {
  resources: Record<string, { rows: number; estimated: boolean }>;
  jobs: Record<'import' | 'export', { pending: number; processing: number }>;
  throughput: { at: string; records: number }[];
  started_at: string;
  version: string;
  health: string;
}
