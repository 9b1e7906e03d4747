// Decodes the objects of NDJSON files and JSON arrays, one after the other. Unknown properties are ignored; of properties
// named twice the last one counts.
import type { Resource } from '../src/resources/resource.ts';
import type { ChunkText } from './chunk-text.ts';
import { isBlank } from './field-checks.ts';
import { jsonSource } from './json-source.ts';
import { parseJson } from './parse-json.ts';
import { notUtf8, type RecordDecoder, type Unreadable } from './record-decoder.ts';
import type { Values } from './validate.ts';

export class JsonDecoder implements RecordDecoder {
  ascii = false;
  readonly #text: ChunkText;
  readonly #names: readonly string[];
  readonly #pick: Pick;
  readonly #hasBackslash: (record: number) => boolean;
  /** Of the record decoded last. */
  #source = '';
  #object: Record<string, unknown> = {};

  constructor(text: ChunkText, resource: Resource) {
    this.#text = text;
    this.#names = Object.keys(resource.fields);
    this.#pick = pickerOf(resource);
    this.#hasBackslash = text.finder('\\');
  }

  decode(record: number, values: Values): Unreadable | null {
    const text = this.#text;
    const ascii = text.isAscii(record);
    if (!ascii && !text.isUtf8(record)) return notUtf8;
    const source = text.text(record);
    let parsed: unknown;
    try {
      parsed = parseJson(source);
    } catch (error) {
      return { code: 'json', message: `invalid JSON: ${reasonOf(error as SyntaxError)}` };
    }
    if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
      return { code: 'json', message: `invalid JSON: expected an object, found ${kindOf(parsed)}` };
    }
    const object = parsed as Record<string, unknown>;
    this.#pick(object, values);
    for (let position = 0; position < values.length; position++) {
      const value = values[position];
      if (value === null || (typeof value === 'string' && isBlank(value))) values[position] = undefined;
    }
    this.#source = source;
    this.#object = object;
    // Whatever else JSON can write in ASCII begins with a backslash.
    this.ascii = ascii && !this.#hasBackslash(record);
    return null;
  }

  received(position: number): string | null {
    const name = this.#names[position] as string;
    const value = this.#object[name] ?? '';
    return (typeof value === 'string' ? value : jsonSource(this.#source, name)) || null;
  }
}

type Pick = (object: Record<string, unknown>, values: Values) => void;

const pickers = new WeakMap<Resource, Pick>();

/** Generated like Ajv's validators are: a property read by its literal name costs a tenth of one read by a variable. */
function pickerOf(resource: Resource): Pick {
  const known = pickers.get(resource);
  if (known) return known;
  const names = Object.keys(resource.fields);
  const body = names.map((name, position) => `values[${position}] = object[${JSON.stringify(name)}];`).join('\n');
  const picker = new Function('object', 'values', body) as Pick;
  pickers.set(resource, picker);
  return picker;
}

/** V8's reason without its quotation of the text and without its lines and columns, which are not those of the file. */
function reasonOf({ message }: SyntaxError): string {
  return message
    .replace(/, (\.\.\.)?".*is not valid JSON$/s, '')
    .replace(/ \(line \d+ column \d+\)$/, '')
    .replace(' in JSON at ', ' at ');
}

function kindOf(value: unknown): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'an array' : `a ${typeof value}`;
}
