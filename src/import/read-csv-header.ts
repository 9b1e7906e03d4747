// Reads the header of a CSV file: which field each column feeds, and the delimiter.
import Papa from 'papaparse';
import type { CsvLayout } from '../../workers/messages.ts';
import { isRequired, type Resource } from '../resources/resource.ts';
import type { ByteInput } from './byte-input.ts';
import { FileFault } from './file-fault.ts';
import type { Place } from './splitter.ts';

const delimiters = [',', ';', '\t'] as const;

/** A longer header is refused, in bytes. */
const maxHeaderBytes = 128 * 1024;

export interface CsvHeader {
  layout: CsvLayout;
  /** What the columns are called, as the file writes it, without outer blanks. */
  names: string[];
  /** With its line break. */
  bytes: Buffer;
  line: number;
}

interface Header {
  layout: CsvLayout;
  names: string[];
  /** With its line break. */
  bytes: number;
  lines: number;
  /** Its end was found. */
  complete: boolean;
  /** Its quotes are not in order, whatever follows. */
  malformed: boolean;
}

/**
 * Reads the first line that is not empty. Names are matched to the resource's fields without regard to case and outer
 * blanks; without a given delimiter the one is taken that makes most of them known, or where none is known, most of them.
 * @param start the place where the file's text starts; moved behind the header.
 * @param anyColumns required columns may be missing.
 * @throws FileFault `empty_file`, `malformed_header`, `duplicate_column`, or `missing_columns` naming all that is missing.
 */
export async function readCsvHeader(
  input: ByteInput,
  start: Place,
  resource: Resource,
  { delimiter, anyColumns = false }: { delimiter?: CsvLayout['delimiter']; anyColumns?: boolean } = {},
): Promise<CsvHeader> {
  await skipEmptyLines(input, start);
  const candidates = delimiter ? [delimiter] : delimiters;
  let headers: Header[];
  // Twice as much is looked at each time, so that a long header costs no more than a few short ones.
  for (let bytes = 1024; ; bytes *= 2) {
    while (input.end - start.position < bytes && !input.ended) await input.fill(start.position);
    const isWholeFile = input.ended && input.end - start.position <= bytes;
    const isLast = isWholeFile || bytes >= maxHeaderBytes;
    const text = input.text(start.position, bytes);
    // Up to a line break, so that nothing is judged by half of what follows a quote.
    const lines = isLast ? text : text.slice(0, text.lastIndexOf('\n') + 1);
    headers = candidates.map((candidate) => parseHeader(lines, isWholeFile, resource, candidate));
    if (isLast || headers.every((header) => header.complete || header.malformed)) break;
  }
  const header = headers.reduce((best, other) => (isLikelier(other, best) ? other : best));
  checkHeader(header, start.line);
  if (!anyColumns) requireColumns(header.layout, resource, start.line);
  const from = start.position - input.offset;
  const bytes = Buffer.from(input.bytes.subarray(from, from + header.bytes));
  const { layout, names } = header;
  const { line } = start;
  start.position += header.bytes;
  start.line += header.lines;
  return { layout, names, bytes, line };
}

async function skipEmptyLines(input: ByteInput, start: Place): Promise<void> {
  while (true) {
    // A carriage return needs the byte after it.
    while (input.end - start.position < 2 && !input.ended) await input.fill(start.position);
    if (start.position === input.end)
      throw new FileFault('empty_file', 'the file is empty: its first line must name the columns');
    const text = input.text(start.position, 2);
    const breakBytes = text.startsWith('\n') ? 1 : text === '\r\n' ? 2 : 0;
    if (breakBytes === 0) return;
    start.position += breakBytes;
    start.line++;
  }
}

/** @param text as Latin-1: a character is a byte, so the parser's cursor is one into the file. */
function parseHeader(
  text: string,
  isWholeFile: boolean,
  resource: Resource,
  delimiter: CsvLayout['delimiter'],
): Header {
  // papaparse's fast mode puts the cursor a line too far; without a header of its own `__proto__` is a name like others.
  const { data, errors, meta } = Papa.parse<string[]>(text, {
    delimiter,
    newline: '\n',
    header: false,
    preview: 1,
    fastMode: false,
  });
  const fields = new Map(Object.keys(resource.fields).map((field) => [field.toLowerCase(), field]));
  const names = (data[0] ?? []).map((name) => Buffer.from(name, 'latin1').toString('utf8').trim());
  return {
    layout: { columns: names.map((name) => fields.get(name.toLowerCase()) ?? null), delimiter },
    names,
    bytes: meta.cursor,
    lines: text.slice(0, meta.cursor).split('\n').length - 1,
    complete: meta.truncated || isWholeFile,
    malformed: errors.some((error) => isWholeFile || error.code === 'InvalidQuotes'),
  };
}

/** Whether its delimiter is rather that of the file: of columns that are all unknown, the one that makes most of them. */
function isLikelier(header: Header, than: Header): boolean {
  const [known, others] = [knownColumns(header), knownColumns(than)];
  if (known > 0 || others > 0) return known > others;
  return !header.malformed && (than.malformed || header.names.length > than.names.length);
}

function knownColumns({ layout }: Header): number {
  return layout.columns.filter((column) => column !== null).length;
}

function checkHeader({ layout: { columns }, names, complete, malformed }: Header, line: number): void {
  if (malformed) {
    const detail = 'a quoted name in the line that names the columns is not closed, or followed by something else';
    throw new FileFault('malformed_header', detail, line);
  }
  // Of a file whose lines end with a carriage return alone all is header: it would be imported with success, and empty.
  if (names.some((name) => /\r(?!\n)/.test(name))) {
    const detail = 'a column name has a carriage return in it; end the lines of the file with LF or CRLF';
    throw new FileFault('malformed_header', detail, line);
  }
  if (!complete) {
    const detail = `the line that names the columns is longer than ${maxHeaderBytes} bytes`;
    throw new FileFault('malformed_header', detail, line);
  }
  const repeated = columns.find((column, index) => column !== null && columns.indexOf(column) !== index);
  if (repeated) throw new FileFault('duplicate_column', `two columns are named ${repeated}`, line);
}

/** @throws FileFault `missing_columns`. */
export function requireColumns({ columns }: CsvLayout, resource: Resource, line: number): void {
  const missing = missingFields(resource, columns);
  if (missing.length > 0) {
    throw new FileFault('missing_columns', `required columns are missing: ${missing.join(', ')}`, line);
  }
}

/** The required fields that no column feeds. */
export function missingFields({ fields }: Resource, columns: readonly (string | null)[]): string[] {
  return Object.entries(fields).flatMap(([name, field]) =>
    isRequired(field) && !columns.includes(name) ? [name] : [],
  );
}
