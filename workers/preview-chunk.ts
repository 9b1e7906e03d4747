// What a parse thread does for a preview: reads the records of a chunk as for an import, and shows the first of them as
// they were sent, with what is wrong with them. Nothing is encoded.
import papa from 'papaparse';
import { guessResource } from '../src/resources/guess-resource.ts';
import { resourceNamed, resources } from '../src/resources/index.ts';
import { ChunkText } from './chunk-text.ts';
import { jsonExcerpt } from './json-excerpt.ts';
import { parseJson } from './parse-json.ts';
import {
  maxColumns,
  maxNameCharacters,
  type PreviewedChunk,
  type PreviewRequest,
  type ShownRecord,
  type ShownValue,
} from './preview-messages.ts';
import { RecordReader } from './read-records.ts';
import { cutValue } from './row-error.ts';
import { createRecordCheck } from './validate.ts';

const maxValueCharacters = 500;

/** The entry of the thread. */
export default function run(request: PreviewRequest): PreviewedChunk {
  const { format, show, firstRecord, fileName } = request;
  const text = new ChunkText(request.bytes, request.table);
  const shown = Array.from({ length: Math.min(show, text.records) }, (_, n) =>
    format === 'csv' ? readCells(text.text(n), request) : readProperties(text.text(n)),
  );
  const properties = [...new Set(shown.flatMap((record) => Object.keys(record)))];
  const guess =
    format === 'csv'
      ? null
      : guessResource(
          [...resources.values()].map((one) => [one, properties] as const),
          fileName,
        );
  const resource = request.resource ?? guess;
  // JSON that is none is so whatever the resource: any will do to tell.
  const readAs = resource ?? (format === 'csv' ? null : [...resources.keys()][0]!);
  const reader = readAs ? createReader(request, text, readAs) : null;

  const records: ShownRecord[] = [];
  let rejected = 0;
  for (let n = 0; n < (resource ? text.records : shown.length); n++) {
    const broken = reader?.read(n) ?? [];
    const errors = resource ? broken : broken.filter(({ field }) => field === 'json');
    if (resource && errors.length > 0) rejected++;
    if (n >= show) continue;
    records.push({
      line: text.line(n),
      record: firstRecord + n,
      values: shown[n] as ShownRecord['values'],
      errors: errors.map(({ field, code, message, value }) => ({
        field,
        code,
        message,
        value: value && cutValue(value),
      })),
    });
  }
  const columns = format === 'csv' ? request.columns : properties.slice(0, maxColumns);
  return { guess, columns, records, checked: resource ? text.records : 0, rejected };
}

function createReader(request: PreviewRequest, text: ChunkText, name: string): RecordReader {
  const resource = resourceNamed(name);
  return new RecordReader(request, text, resource, createRecordCheck(resource));
}

/** By column; a record that breaks the rules of quotes as far as it goes. */
function readCells(record: string, { csv, columns }: PreviewRequest): Record<string, ShownValue> {
  const { data } = papa.parse<string[]>(record, { delimiter: csv?.delimiter, newline: '\n', header: false });
  const cells = data[0] ?? [];
  return Object.fromEntries(
    columns.map((name, n) => [name, cells[n] === undefined ? null : cells[n].slice(0, maxValueCharacters)]),
  );
}

function readProperties(record: string): Record<string, ShownValue> {
  let parsed: unknown;
  try {
    parsed = parseJson(record);
  } catch {
    // What is wrong with it is among the record's errors.
    return {};
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return {};
  const object = parsed as Record<string, unknown>;
  const names = Object.keys(object).slice(0, maxColumns);
  return Object.fromEntries(names.map((name) => [name.slice(0, maxNameCharacters), show(object[name])]));
}

function show(value: unknown): ShownValue {
  if (value === null || typeof value === 'number' || typeof value === 'boolean') return value;
  const text = typeof value === 'string' ? value : jsonExcerpt(value, maxValueCharacters);
  return text.slice(0, maxValueCharacters);
}
