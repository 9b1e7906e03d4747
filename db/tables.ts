// The service's own tables (schema `bulk`), as Kysely sees them. The resources' tables are described by their
// definitions in src/resources and are not repeated here.
import type { ColumnType, Generated } from 'kysely';

export type JobStatus = 'pending' | 'processing' | 'completed' | 'failed' | 'cancelled';
export const endedStatuses = ['completed', 'failed', 'cancelled'] as const satisfies readonly JobStatus[];

/** bigint columns are read as numbers (db/client.ts): counts and bytes stay below 2^53. */
type Count = ColumnType<number, number | undefined, number>;
type Time = ColumnType<Date, Date | undefined, Date>;
/** jsonb; postgres.js serialises and parses it. */
type Json = ColumnType<object, object, object>;

type OptionalTime = ColumnType<Date | null, Date | undefined, Date | null>;

/** Why a job failed as a whole; `line` where a place in the file is known. */
export interface JobFailure {
  code: string;
  detail: string;
  line?: number;
}

export interface JobsTable {
  id: string;
  /** Order of acceptance. */
  seq: Generated<number>;
  type: 'import' | 'export';
  resource: string;
  format: string;
  status: Generated<JobStatus>;
  /** Import: ImportOptions; export: ExportOptions. What the client asked for, with everything a later attempt needs to do the same. */
  options: Json;
  /** Owner of the API key that made the job, or the key's name if it has none; null without keys. */
  owner: string | null;
  /** Raised by every attempt; only the attempt of this number may write. */
  attempt: Generated<number>;
  /** The process that makes the latest attempt. */
  runner: ColumnType<string | null, undefined, string>;
  /** Key of the uploaded or exported file in storage; null when it is gone. */
  file: string | null;
  /** Of the stored file, hexadecimal. */
  sha256: string | null;
  bytes_total: ColumnType<number | null, number | undefined, number | null>;
  bytes_processed: Count;
  total_records: ColumnType<number | null, number | undefined, number | null>;
  successful: Count;
  failed: Count;
  error_count: Count;
  failure: ColumnType<JobFailure | null, JobFailure | undefined, JobFailure>;
  created_at: Time;
  started_at: OptionalTime;
  completed_at: OptionalTime;
  /** Export: when the file may be swept. */
  expires_at: OptionalTime;
  /** Past its time, and gone for clients; its parts are being deleted. */
  swept_at: OptionalTime;
  /** Of the resource's table: DB_SCHEMA of the process that accepted the job. Null: an earlier version did. */
  db_schema: ColumnType<never, string | undefined, never>;
}

/**
 * Columns are always listed: a prepared `SELECT *` fails inside a transaction (0A000) once a newer version has added a
 * column, and that version migrates while this one runs. Of `options` see db/jobs.ts.
 */
export const jobColumns = [
  'id',
  'seq',
  'type',
  'resource',
  'format',
  'status',
  'owner',
  'attempt',
  'runner',
  'file',
  'sha256',
  'bytes_total',
  'bytes_processed',
  'total_records',
  'successful',
  'failed',
  'error_count',
  'failure',
  'created_at',
  'started_at',
  'completed_at',
  'expires_at',
  'swept_at',
] as const satisfies readonly (keyof JobsTable)[];

/** One committed chunk of an import: the checkpoint that makes loading exactly-once. */
export interface ChunksTable {
  job_id: string;
  chunk: number;
  byte_start: number;
  byte_end: number;
  first_line: number;
  last_line: number;
  first_record: number;
  records: number;
}

export const chunkColumns = [
  'job_id',
  'chunk',
  'byte_start',
  'byte_end',
  'first_line',
  'last_line',
  'first_record',
  'records',
] as const satisfies readonly (keyof ChunksTable)[];

export interface RowErrorsTable {
  job_id: string;
  record: number;
  /** Ordinal of the error among its record's errors, from 0. */
  n: number;
  line: number;
  field: string | null;
  code: string;
  message: string;
  value: string | null;
}

export const rowErrorColumns = [
  'job_id',
  'record',
  'n',
  'line',
  'field',
  'code',
  'message',
  'value',
] as const satisfies readonly (keyof RowErrorsTable)[];

export interface IdempotencyKeysTable {
  owner: string;
  route: string;
  key: string;
  /** Hash of what was asked; null while the request is still being received. */
  fingerprint: string | null;
  job_id: string | null;
  /** Until then the request that holds the key is taken to be alive; it renews this. */
  lease_until: Date;
  lease_token: string;
  expires_at: Date;
}

export interface Database {
  'bulk.jobs': JobsTable;
  'bulk.chunks': ChunksTable;
  'bulk.row_errors': RowErrorsTable;
  'bulk.idempotency_keys': IdempotencyKeysTable;
}
