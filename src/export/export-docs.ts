// What the OpenAPI document says of the routes of exports, and the parts of their requests that no schema validates:
// src/export checks those itself, with messages that name what a field accepts.
import { idempotencyKey } from '../import/import-docs.ts';
import { recordSchemas } from '../openapi/record-schemas.ts';
import type { ParameterDocs, RouteDocs, Schema } from '../openapi/route-docs.ts';
import { cursorPattern } from '../page-cursor.ts';
import { formats, mediaTypes } from '../resources/formats.ts';
import { resources } from '../resources/index.ts';
import { ExportPageSchema } from './export-view.ts';
import { operators } from './selection.ts';

const text: Schema = { type: 'string' };
const binary: Schema = { type: 'string', format: 'binary' };
const resource = { type: 'string', enum: [...resources.keys()] };
const format = { type: 'string', enum: formats, default: 'ndjson' };
const limit = { type: 'integer', minimum: 1 };
const explained = {
  fields: 'Names of fields, in the order of the output; default: all.',
  sort: 'Name of a field, after a `-` for descending. Rows of equal value follow in the order of their id.',
  filters: `Conditions that all must hold: a field and its value, or with an operator (${operators.join(', ')})`,
};

const value: Schema = {
  anyOf: [{ type: ['string', 'boolean', 'null'] }, { type: 'array', items: { type: 'string' }, minItems: 1 }],
};
const filters: Schema = {
  title: 'Filters',
  type: 'object',
  description: `${explained.filters}: \`{ "status": "published", "created_at": { "gte": "2024-01-01" } }\`.`,
  additionalProperties: {
    anyOf: [
      value,
      {
        type: 'object',
        minProperties: 1,
        properties: Object.fromEntries(operators.map((operator) => [operator, value])),
        additionalProperties: false,
      },
    ],
  },
};

/** Checked by parseJobRequest, which says more of what is wrong than a schema could. */
const exportRequest: Schema = {
  title: 'ExportRequest',
  type: 'object',
  required: ['resource'],
  properties: {
    resource,
    format,
    fields: {
      description: explained.fields,
      anyOf: [{ type: 'array', items: { type: 'string' }, minItems: 1 }, { type: 'string' }],
    },
    filters,
    sort: { type: 'string', description: explained.sort },
    limit: { ...limit, description: 'Records at most; default: all.' },
    compression: { type: 'string', enum: ['gzip'], description: 'Default: none.' },
  },
  additionalProperties: false,
};

const selectionProblems = [
  'resource_required',
  'unknown_resource',
  'unknown_format',
  'unknown_field',
  'invalid_parameter',
  'invalid_filter',
] as const;
const selectionParameters: readonly ParameterDocs[] = [
  { name: 'resource', in: 'query', description: 'What to export.', schema: resource },
  { name: 'format', in: 'query', description: 'Of the file.', schema: format },
  { name: 'fields', in: 'query', description: `${explained.fields} Separated by commas.`, schema: text },
  { name: 'sort', in: 'query', description: explained.sort, schema: text },
  { name: 'limit', in: 'query', description: 'Records at most; of jobs 1 to 1000, default 50.', schema: limit },
  {
    name: 'filters',
    in: 'query',
    description: `${explained.filters}: \`role=admin\`, \`role[in]=admin,editor\`, \`created_at[gte]=2024-01-01\`. For the list of jobs: \`status\`.`,
    style: 'form',
    explode: true,
    schema: { type: 'object', additionalProperties: { type: 'string' } },
  },
];
const files = { [mediaTypes.csv]: text, [mediaTypes.ndjson]: text, 'application/gzip': binary };

export const exportDocs = {
  read: {
    operationId: 'exportRecords',
    tag: 'Exports',
    summary: 'Export at once, or list export jobs',
    description:
      'With a `resource`: its rows as one file, streamed from a consistent snapshot, gzipped when the client accepts that. If it breaks half-way, so does the connection: a file that ends is complete. Without one (or with `after`): the export jobs, newest first.',
    parameters: [
      ...selectionParameters,
      {
        name: 'after',
        in: 'query',
        description: 'The `next` of the page of jobs before; empty: the first page, such as of the jobs of a resource.',
        schema: { ...text, pattern: `^$|${cursorPattern}` },
      },
    ],
    responses: {
      200: {
        description: 'The records as an attachment, or a page of export jobs.',
        headers: ['Content-Disposition', 'Content-Encoding', 'Link'],
        content: {
          [mediaTypes.csv]: text,
          [mediaTypes.ndjson]: text,
          'application/json': {
            anyOf: [ExportPageSchema, { type: 'array', items: { anyOf: recordSchemas(resources) } }],
          },
        },
      },
    },
    problems: selectionProblems,
  },
  create: {
    operationId: 'createExport',
    tag: 'Exports',
    summary: 'Start an export job',
    description: 'Writes the file in the background; follow the job at `Location` until it has a `download_url`.',
    parameters: [idempotencyKey],
    body: { 'application/json': exportRequest },
    responses: {
      200: {
        description: 'An earlier request with this Idempotency-Key made the job.',
        headers: ['Location', 'Idempotency-Replayed'],
      },
      202: { description: 'The job is waiting.', headers: ['Location'] },
    },
    problems: [
      ...selectionProblems,
      'unknown_option',
      'invalid_option',
      'invalid_idempotency_key',
      'job_not_found',
      'idempotency_key_in_use',
      'idempotency_key_reused',
      'too_many_jobs',
      'storage_quota',
    ],
  },
  get: {
    operationId: 'getExport',
    tag: 'Exports',
    summary: 'Follow an export job',
    description: 'Once completed it has `download_url`, `expires_at` and `sha256`.',
    responses: { 200: { description: 'The export as it is now.' } },
    problems: ['job_not_found'],
  },
  download: {
    operationId: 'downloadExport',
    tag: 'Exports',
    summary: 'Download the file of an export job',
    description: 'With `Range` a download that broke off is taken up again; one range at a time.',
    parameters: [
      {
        name: 'Range',
        in: 'header',
        description: 'Which bytes: `bytes=0-1023`, `bytes=1024-`, `bytes=-500`.',
        schema: text,
      },
      {
        name: 'If-Range',
        in: 'header',
        description: 'An ETag: the part of that file, or else the whole one.',
        schema: text,
      },
      { name: 'If-None-Match', in: 'header', description: 'An ETag: 304 when it is still that file.', schema: text },
    ],
    responses: {
      200: {
        description: 'The whole file.',
        headers: ['Content-Disposition', 'ETag', 'Accept-Ranges'],
        content: { ...files, [mediaTypes.json]: { type: 'array', items: { anyOf: recordSchemas(resources) } } },
      },
      206: {
        description: 'The part that was asked for.',
        headers: ['Content-Disposition', 'ETag', 'Accept-Ranges', 'Content-Range'],
        content: { ...files, [mediaTypes.json]: binary },
      },
      304: { description: 'The client has the file.', headers: ['ETag', 'Accept-Ranges'] },
    },
    problems: ['job_not_found', 'export_not_ready', 'export_expired', 'range_not_satisfiable'],
  },
  events: {
    operationId: 'followExport',
    tag: 'Exports',
    summary: 'Be told of the progress of an export job',
    description:
      'Server-sent events: `progress` for each new state, `end` for the last one, each with the export as `data` and a growing `id`. With `Last-Event-ID` a state that the client has is not sent again.',
    responses: {
      200: { description: 'The events; the response ends after `end`.' },
      204: { description: 'The job has ended, and the client knows: do not connect again.' },
    },
    problems: ['job_not_found', 'too_many_streams'],
  },
  estimate: {
    operationId: 'estimateExport',
    tag: 'Exports',
    summary: 'How many records an export would have',
    description: 'Takes what an export takes. Counted where that is quick, else estimated by PostgreSQL.',
    parameters: selectionParameters,
    responses: { 200: { description: 'The number of records.' } },
    problems: selectionProblems,
  },
  cancel: {
    operationId: 'cancelExport',
    tag: 'Exports',
    summary: 'Cancel an export job',
    description: 'What was written so far is removed.',
    responses: { 202: { description: 'The export, cancelled.' } },
    problems: ['job_not_found', 'job_ended'],
  },
} as const satisfies Record<string, RouteDocs>;
