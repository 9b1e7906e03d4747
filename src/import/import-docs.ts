// What the OpenAPI document says of the routes of imports, and the parts of their requests that no schema validates.
import { Type } from 'typebox';
import type { ParameterDocs, RouteDocs, Schema } from '../openapi/route-docs.ts';
import { cursorPattern } from '../page-cursor.ts';
import { formats, mediaTypes } from '../resources/formats.ts';
import { resources } from '../resources/index.ts';
import { ImportSummarySchema, JobStatusSchema, jobStatuses } from './import-view.ts';

const resource = { type: 'string', enum: [...resources.keys()] };
const format = { type: 'string', enum: formats };
const delimiter = { type: 'string', enum: [',', ';', 'tab', 'comma', 'semicolon'] };

const explained = {
  resource: 'The resource that the records belong to; here or in the body.',
  format: 'Default: by the name of the file (`.csv`, `.ndjson`, `.jsonl`, `.json`, each also `.gz`).',
  delimiter: 'Of a CSV file; default: found in its header.',
};

/** Read by plugins/idempotency.ts. */
export const idempotencyKey: ParameterDocs = {
  name: 'Idempotency-Key',
  in: 'header',
  description:
    'Makes it safe to send the request again: the same request with the same key makes no second job. A key belongs to its API key and route.',
  schema: { type: 'string', minLength: 1, maxLength: 255, pattern: '^[ -~]+$' },
};

/** Streamed to a file and hashed: Fastify must not validate it. */
const form: Schema = {
  title: 'ImportForm',
  type: 'object',
  required: ['file'],
  properties: {
    resource: { ...resource, description: explained.resource },
    format: { ...format, description: explained.format },
    delimiter: { ...delimiter, description: explained.delimiter },
    file: { type: 'string', format: 'binary', description: 'Exactly one file, with a file name.' },
  },
  additionalProperties: false,
};

const remoteFile: Schema = {
  title: 'RemoteImport',
  type: 'object',
  description: 'A file elsewhere, fetched while the client waits; only where the service allows it (`REMOTE_FILES`).',
  required: ['file_url'],
  properties: {
    resource: { ...resource, description: explained.resource },
    format: { ...format, description: explained.format },
    delimiter: { ...delimiter, description: explained.delimiter },
    file_url: { type: 'string', format: 'uri', description: 'http or https.' },
  },
  additionalProperties: false,
};

export const JobParams = Type.Object({
  job_id: Type.String({ description: 'The `job_id` of the answer to the POST; a UUID.' }),
});

export const AcceptedSchema = Type.Object(
  {
    job_id: Type.String({ format: 'uuid' }),
    status: JobStatusSchema,
    resource: Type.String(),
    message: Type.String(),
  },
  { title: 'AcceptedImport' },
);

export const ListQuery = Type.Object(
  {
    status: Type.Optional(Type.Enum([...jobStatuses], { title: 'JobStatus', description: 'Only jobs that are this.' })),
    resource: Type.Optional(Type.String({ description: 'Only jobs of this resource.' })),
    limit: Type.Integer({ minimum: 1, maximum: 1000, default: 50, description: 'Jobs a page.' }),
    after: Type.Optional(Type.String({ pattern: cursorPattern, description: 'The `next` of the page before.' })),
  },
  { additionalProperties: false },
);

export const ImportPageSchema = Type.Object(
  {
    imports: Type.Array(ImportSummarySchema),
    next: Type.Optional(Type.String({ pattern: cursorPattern, description: 'The `after` of the page that follows.' })),
  },
  { title: 'ImportPage' },
);

const text: Schema = { type: 'string' };
/** An array; but what made its elements be rejected may be that they are no JSON. */
const asSent: Schema = { type: 'string', format: 'binary' };
const optionProblems = ['unknown_option', 'invalid_option', 'unknown_resource'] as const;

export const importDocs = {
  create: {
    operationId: 'createImport',
    tag: 'Imports',
    summary: 'Import a file',
    description:
      'Stores the file and answers at once; the job that loads it is followed at `Location`. Options go as form fields, before or after the file, or in the query. With an `Idempotency-Key` the same request may be sent again: it is then answered with 200 and the job as it is.',
    parameters: [
      idempotencyKey,
      { name: 'resource', in: 'query', description: explained.resource, schema: resource },
      { name: 'format', in: 'query', description: explained.format, schema: format },
      { name: 'delimiter', in: 'query', description: explained.delimiter, schema: delimiter },
    ],
    body: { 'multipart/form-data': form, 'application/json': remoteFile },
    responses: {
      200: {
        description: 'An earlier request with this Idempotency-Key made the job.',
        headers: ['Location', 'Idempotency-Replayed'],
      },
      202: { description: 'The file is stored and its job is waiting.', headers: ['Location'] },
    },
    problems: [
      ...optionProblems,
      'resource_required',
      'file_required',
      'unsupported_file_type',
      'invalid_idempotency_key',
      'remote_files_off',
      'file_url_refused',
      'job_not_found',
      'idempotency_key_in_use',
      'file_too_large',
      'too_many_parts',
      'file_url_failed',
      'idempotency_key_reused',
      'too_many_jobs',
      'storage_quota',
    ],
  },
  list: {
    operationId: 'listImports',
    tag: 'Imports',
    summary: 'List imports',
    description: 'Newest first, a page at a time. An API key with an owner sees the jobs of its owner alone.',
    responses: { 200: { description: 'A page of imports, without their row errors.', headers: ['Link'] } },
    problems: ['unknown_resource', 'unknown_option', 'invalid_parameter'],
  },
  get: {
    operationId: 'getImport',
    tag: 'Imports',
    summary: 'Follow an import',
    description:
      'Counters are those of committed work, never go backwards, and always `processed = successful + failed`. The first 100 row errors come along.',
    responses: { 200: { description: 'The import as it is now.' } },
    problems: ['job_not_found'],
  },
  errors: {
    operationId: 'listImportErrors',
    tag: 'Imports',
    summary: 'Read the row errors of an import',
    description:
      'All of them in the order of the file, streamed; or with `limit` a page of them as JSON, `next` being the `after` of the one that follows. While the job runs only the gap-free beginning of the file is listed, and each page has a `next`. In the CSV, cells that a spreadsheet would run as a formula begin with an apostrophe.',
    responses: {
      200: {
        description: 'The row errors. CSV and NDJSON come as an attachment.',
        headers: ['Link', 'Content-Disposition', 'Content-Encoding'],
        content: { [mediaTypes.csv]: text, [mediaTypes.ndjson]: text },
      },
    },
    problems: ['job_not_found', 'unknown_option', 'invalid_parameter'],
  },
  groups: {
    operationId: 'groupImportErrors',
    tag: 'Imports',
    summary: 'See what is wrong with a file',
    description: 'The row errors by field and message, most frequent first, each group with its first records.',
    responses: { 200: { description: 'The groups.' } },
    problems: ['job_not_found'],
  },
  rejects: {
    operationId: 'downloadRejects',
    tag: 'Imports',
    summary: 'Take the rejected records back',
    description:
      "Byte for byte as they were sent, in the file's own format, ready to be mended and posted again. `with=errors` adds the reasons, which an import ignores. From the stored upload: 410 once that is swept.",
    responses: {
      200: {
        description: 'The rejected records.',
        headers: ['Content-Disposition', 'Content-Encoding'],
        content: { [mediaTypes.csv]: text, [mediaTypes.ndjson]: text, 'application/json': asSent },
      },
    },
    problems: ['job_not_found', 'unknown_option', 'invalid_parameter', 'file_unreadable', 'upload_gone'],
  },
  events: {
    operationId: 'followImport',
    tag: 'Imports',
    summary: 'Be told of the progress of an import',
    description:
      'Server-sent events: `progress` for each new state, `end` for the last one, each with the import without its `errors` as `data` and a growing `id`. With `Last-Event-ID` a state that the client has is not sent again.',
    responses: {
      200: { description: 'The events; the response ends after `end`.' },
      204: { description: 'The job has ended, and the client knows: do not connect again.' },
    },
    problems: ['job_not_found', 'too_many_streams'],
  },
  preview: {
    operationId: 'previewImport',
    tag: 'Imports',
    summary: 'See what an import would make of a file',
    description:
      'Takes the beginning of a file, up to a mebibyte, and validates it as an import does, except for keys and references. Nothing is stored or loaded. The resource is guessed from the columns when none is named.',
    body: { 'application/octet-stream': { type: 'string', format: 'binary' } },
    responses: { 200: { description: 'The first records with what is wrong with them.' } },
    problems: [...optionProblems, 'invalid_parameter', 'unsupported_file_type'],
  },
  cancel: {
    operationId: 'cancelImport',
    tag: 'Imports',
    summary: 'Cancel an import',
    description: 'Stops at the next chunk; what is committed stays, and `unprocessed` tells what was not looked at.',
    responses: { 202: { description: 'The import, cancelled.' } },
    problems: ['job_not_found', 'job_ended'],
  },
} as const satisfies Record<string, RouteDocs>;
