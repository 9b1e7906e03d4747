// Whether a response is one that the OpenAPI document tells of: its status, headers, content type, and JSON in its body or
// its events. Stricter than the document where it may be: a property that is not described is a fault, unless a schema
// says that there may be more (additionalProperties).
import type { ValidateFunction } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import type { OpenApiDocument, Operation } from '../src/openapi/operation.ts';
import { responseHeaders } from '../src/openapi/response-headers.ts';

export interface SentResponse {
  method: string;
  /** Path and query. */
  url: string;
  status: number;
  /** Lower-case names. */
  headers: Readonly<Record<string, unknown>>;
  /** Undefined when it is not known. */
  body: string | undefined;
}

interface Path {
  pattern: RegExp;
  template: string;
  operations: Record<string, Operation>;
}

type Content = NonNullable<Operation['responses'][string]['content']>;

export class Contract {
  readonly #paths: readonly Path[];
  readonly #ajv = new Ajv2020({
    strict: false,
    // Of the whole, which is no schema; to compile those that it would be held against takes a tenth of a second.
    validateSchema: false,
    allErrors: true,
    code: { optimize: false },
    formats: {
      uuid: /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/,
      'date-time': /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/,
      ...Object.fromEntries(['email', 'uri', 'uri-reference', 'binary'].map((name) => [name, true])),
    },
  });

  constructor(document: OpenApiDocument) {
    this.#ajv.addSchema(closed(document) as object, 'openapi');
    // A path without parameters comes before one that would take its segments for parameters.
    const paths = Object.entries(document.paths ?? {}).sort(([a], [b]) => a.split('{').length - b.split('{').length);
    this.#paths = paths.map(([template, operations]) => ({
      template,
      operations,
      pattern: new RegExp(`^${template.replaceAll('.', '\\.').replaceAll(/\{\w+\}/g, '[^/]+')}$`),
    }));
  }

  /** @returns what is not as documented, in words; nothing for a path that is not one of the document's. */
  faultsOf(response: SentResponse): string[] {
    const { method, url, status } = response;
    const [pathname = ''] = url.split('?', 1);
    const path = this.#paths.find(({ pattern }) => pattern.test(pathname));
    const key = method === 'HEAD' ? 'get' : method.toLowerCase();
    const operation = path?.operations[key];
    if (!path || !operation) return [];
    const documented = operation.responses[status];
    if (!documented) return [`status ${status} is not documented`];
    const place = ['paths', path.template, key, 'responses', String(status), 'content'];
    return [
      ...this.#headerFaults(response, Object.keys(documented.headers ?? {})),
      ...this.#contentFaults(response, documented.content ?? {}, place),
    ];
  }

  #contentFaults({ method, headers, body }: SentResponse, documented: Content, place: string[]): string[] {
    const sent = headers['content-type'];
    if (sent === undefined) return body ? ['a body without a content type'] : [];
    const type = Object.keys(documented).find((known) => baseOf(known) === baseOf(String(sent)));
    if (type === undefined) return [`content type ${sent} is not documented`];
    if (method === 'HEAD' || body === undefined) return [];
    if (baseOf(type) === 'text/event-stream') return this.#eventFaults(body);
    if (!/[/+]json$/.test(baseOf(type))) return [];
    // A part of a file, or what its client sent.
    if ('format' in documented[type]!.schema) return [];
    const check = this.#schema([...place, type, 'schema']);
    const value = parse(body);
    return value === undefined ? ['the body is no JSON'] : faultsIn(value, check, 'the body');
  }

  /** What is not as documented in the jobs that events hold: an export, or an import without its row errors. */
  #eventFaults(body: string): string[] {
    return [...body.matchAll(/^data: (.*)\n/gm)].flatMap(([, json = '']) => {
      const job = parse(json);
      if (typeof job !== 'object' || job === null) return ['an event has no job'];
      const isImport = 'type' in job && job.type === 'import';
      const check = this.#schema(['components', 'schemas', isImport ? 'Import' : 'Export']);
      return faultsIn(isImport ? { ...job, errors: [] } : job, check, 'an event');
    });
  }

  #headerFaults({ headers }: SentResponse, documented: string[]): string[] {
    return Object.entries(responseHeaders).flatMap(([name, header]) => {
      const sent = headers[name.toLowerCase()];
      const isDocumented = documented.includes(name);
      if (sent === undefined) return 'required' in header && isDocumented ? [`header ${name} is missing`] : [];
      if (!isDocumented) return [`header ${name} is not documented`];
      return faultsIn(String(sent), this.#schema(['components', 'headers', name, 'schema']), `header ${name}`);
    });
  }

  #schema(place: string[]): ValidateFunction {
    const check = this.#ajv.getSchema(`openapi#/${place.map(pointer).join('/')}`);
    if (!check) throw new Error(`no schema at ${place.join(' ')}`);
    return check;
  }
}

function faultsIn(value: unknown, check: ValidateFunction, name: string): string[] {
  if (check(value)) return [];
  return (check.errors ?? []).map(({ instancePath, message, params }) => {
    return `${instancePath || name} ${message} ${JSON.stringify(params)}`;
  });
}

/** A copy in which objects have no other properties than those described. Parts of a whole (allOf) are let be. */
function closed(node: unknown, isPart = false): unknown {
  if (Array.isArray(node)) return node.map((one) => closed(one, isPart));
  if (typeof node !== 'object' || node === null) return node;
  const copy = Object.fromEntries(Object.entries(node).map(([name, value]) => [name, closed(value, name === 'allOf')]));
  const { properties, type } = copy;
  if (isPart || typeof properties !== 'object' || type !== 'object' || 'additionalProperties' in copy) return copy;
  return { ...copy, additionalProperties: false };
}

/** undefined: it is none. */
function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}

function baseOf(mediaType: string): string {
  return (mediaType.split(';', 1)[0] ?? '').trim().toLowerCase();
}

/** RFC 6901, in a URI fragment. */
function pointer(token: string): string {
  return encodeURIComponent(token.replaceAll('~', '~0').replaceAll('/', '~1'));
}
