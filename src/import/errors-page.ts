// What is asked and answered about the row errors of an import.
import { Type } from 'typebox';
import { RowErrorSchema } from './import-view.ts';

export const ErrorsQuery = Type.Object(
  {
    format: Type.Enum(['json', 'csv', 'ndjson'], {
      default: 'json',
      description: 'csv and ndjson come as an attachment.',
    }),
    limit: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 10_000, description: 'Row errors at most; default: all, streamed.' }),
    ),
    after: Type.Optional(
      Type.String({ pattern: '^[0-9]{1,15}\\.[0-9]{1,6}$', description: 'The `next` of the page before.' }),
    ),
  },
  { additionalProperties: false },
);

export const ErrorsSchema = Type.Object(
  {
    job_id: Type.String({ format: 'uuid' }),
    error_count: Type.Integer({ minimum: 0 }),
    errors: Type.Array(RowErrorSchema),
    next: Type.Optional(Type.String({ description: 'The `after` of the page that follows.' })),
  },
  { title: 'ErrorPage' },
);
