// POST /v1/imports/preview: what an import would make of the beginning of a file. Nothing is stored or loaded, and no
// database is asked.
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import fp from 'fastify-plugin';
import { type Static, Type } from 'typebox';
import { signalGone } from '../src/http/signal-gone.ts';
import { checkImportRequest } from '../src/import/accept-import.ts';
import { importDocs } from '../src/import/import-docs.ts';
import { guessFormat, type Preview, previewFile } from '../src/import/preview-file.ts';
import { type Problem, problem } from '../src/problems.ts';
import { formats } from '../src/resources/formats.ts';
import { resources } from '../src/resources/index.ts';
import { Slots } from '../src/slots.ts';

const maxSampleBytes = 1024 * 1024;
/** Previews that are read at once; so many others wait, each with its sample in memory. */
const [maxPreviews, maxWaiting, retrySeconds] = [2, 16, 2];

const Count = Type.Integer({ minimum: 0 });
const PreviewQuery = Type.Object(
  {
    resource: Type.Optional(Type.String({ description: 'Default: guessed from the columns, then the file name.' })),
    format: Type.Optional(
      Type.String({ description: 'csv, ndjson or json; default: by the file name, or the content.' }),
    ),
    delimiter: Type.Optional(Type.String({ description: 'Of a CSV: , ; or tab; default: by the header.' })),
    file_name: Type.String({ default: '', maxLength: 1000, description: 'Ending in .gz: the body is gzipped.' }),
    whole: Type.Boolean({ default: false, description: 'The body is the whole file, not only its beginning.' }),
  },
  { additionalProperties: false },
);

export const PreviewSchema = Type.Object(
  {
    resource: Type.Union([Type.String(), Type.Null()], { description: 'That asked for, or the guess.' }),
    resource_guess: Type.Union([Type.String(), Type.Null()], {
      description: 'What the columns and the file name speak for; null: nothing that is known.',
    }),
    format: Type.Enum([...formats], { description: 'ndjson for a .json file that starts with an object.' }),
    delimiter: Type.Optional(Type.Enum([',', ';', '\t'])),
    columns: Type.Array(
      Type.Object({
        name: Type.String({ description: 'Cut at 100 characters.' }),
        field: Type.Union([Type.String(), Type.Null()], { description: 'The field it feeds; null: it is ignored.' }),
      }),
      { description: 'The first 1000.' },
    ),
    missing_columns: Type.Array(Type.String(), { description: 'Required fields that no column feeds.' }),
    records: Type.Array(
      Type.Object({
        line: Type.Integer({ minimum: 1 }),
        record: Type.Integer({ minimum: 1 }),
        values: Type.Record(Type.String(), Type.Unknown(), {
          description: 'By column, as they were sent, cut at 500 characters; arrays and objects as JSON text.',
        }),
        errors: Type.Array(
          Type.Object({
            field: Type.Optional(Type.String()),
            code: Type.String(),
            message: Type.String(),
            value: Type.Optional(Type.String()),
          }),
        ),
      }),
      { description: 'The first 100. Keys and references are looked up by the import alone.' },
    ),
    checked: Type.Integer({ minimum: 0, description: 'Records of the body that were checked, 20,000 at most.' }),
    rejected: Count,
    failure: Type.Optional(
      Type.Object(
        { code: Type.String(), detail: Type.String(), line: Type.Optional(Count) },
        { description: 'Why the import would fail.' },
      ),
    ),
  },
  { title: 'Preview' },
);

export default fp(
  async (instance) => {
    const slots = new Slots(maxPreviews);
    let asking = 0;
    // Its parser is for this route alone.
    await instance.register(async (scope) => {
      const app = scope.withTypeProvider<TypeBoxTypeProvider>();
      const { config, parsePool } = app;
      app.removeAllContentTypeParsers();
      app.addContentTypeParser(
        'application/octet-stream',
        { parseAs: 'buffer', bodyLimit: maxSampleBytes },
        (_request, body, done) => done(null, body),
      );

      app.post(
        '/v1/imports/preview',
        {
          config: { scope: 'write', docs: importDocs.preview },
          bodyLimit: maxSampleBytes,
          schema: { querystring: PreviewQuery, response: { 200: PreviewSchema } },
        },
        async ({ query, body }, reply) => {
          const bytes = body ?? Buffer.alloc(0);
          if (!Buffer.isBuffer(bytes))
            throw problem('unsupported_media_type', 'send the file as application/octet-stream');
          const gone = signalGone(reply.raw);
          const asked = checkImportRequest({
            ...{ resource: query.resource ?? [...resources.keys()][0]!, fileName: query.file_name },
            ...{ format: query.format ?? guessFormat(query.file_name, bytes), delimiter: query.delimiter },
          });
          if (asking >= maxPreviews + maxWaiting) throw refuseForNow();
          asking++;
          let release = () => {};
          try {
            release = await slots.acquire(gone);
            const preview = await previewFile(
              { ...asked, bytes, whole: query.whole, resource: query.resource ?? null },
              config.import.maxRecordBytes,
              parsePool.preview,
              gone,
            );
            return view(preview);
          } finally {
            asking--;
            release();
          }
        },
      );
    });
  },
  { name: 'import-preview', dependencies: ['auth', 'parse-pool', 'problem-details'] },
);

function refuseForNow(): Problem {
  const detail = 'too many files are being looked at; try again in a moment, or import the file';
  return problem('too_busy', detail, {}, { 'retry-after': String(retrySeconds) });
}

function view({ guess, missing, failure, ...preview }: Preview): Static<typeof PreviewSchema> {
  const { resource, format, delimiter, columns, records, checked, rejected } = preview;
  return {
    ...{ resource, resource_guess: guess, format, ...(delimiter ? { delimiter } : {}), columns },
    missing_columns: missing,
    records: records.map(({ errors, ...record }) => ({
      ...record,
      errors: errors.map(({ field, code, message, value }) => ({
        ...(field === null ? {} : { field }),
        code,
        message,
        ...(value === null ? {} : { value }),
      })),
    })),
    ...{ checked, rejected },
    ...(failure
      ? {
          failure: {
            code: failure.code,
            detail: failure.message,
            ...(failure.line === undefined ? {} : { line: failure.line }),
          },
        }
      : {}),
  };
}
