// Whether a response is one that the OpenAPI document tells of: its status, headers, content type and JSON body. Stricter
// than the document where it may be: a property that is not described is a fault, unless a schema says that there may
// be more (additionalProperties).
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

const described = Object.keys(responseHeaders).map((name) => name.toLowerCase());

export class Contract {
  readonly #paths: readonly Path[];
  readonly #ajv = new Ajv2020({
    strict: false,
    allErrors: true,
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
      ...headerFaults(response, Object.keys(documented.headers ?? {})),
      ...this.#contentFaults(response, documented.content ?? {}, place),
    ];
  }

  #contentFaults({ method, headers, body }: SentResponse, documented: Content, place: string[]): string[] {
    const sent = headers['content-type'];
    if (sent === undefined) return body ? ['a body without a content type'] : [];
    const type = Object.keys(documented).find((known) => baseOf(known) === baseOf(String(sent)));
    if (type === undefined) return [`content type ${sent} is not documented`];
    if (method === 'HEAD' || body === undefined || !/[/+]json$/.test(baseOf(type))) return [];
    // A part of a file, or what its client sent.
    if ('format' in documented[type]!.schema) return [];
    const check = this.#ajv.getSchema(`openapi#/${[...place, type, 'schema'].map(pointer).join('/')}`);
    if (!check) throw new Error(`no schema at ${place.join(' ')} ${type}`);
    const value = parse(body);
    if (value === undefined) return ['the body is no JSON'];
    if (check(value)) return [];
    return (check.errors ?? []).map(({ instancePath, message, params }) => {
      return `${instancePath || 'the body'} ${message} ${JSON.stringify(params)}`;
    });
  }
}

function headerFaults({ headers }: SentResponse, documented: string[]): string[] {
  const names = documented.map((name) => name.toLowerCase());
  const undocumented = described.filter((name) => headers[name] !== undefined && !names.includes(name));
  const missing = Object.entries(responseHeaders).filter(([name, header]) => {
    return 'required' in header && documented.includes(name) && headers[name.toLowerCase()] === undefined;
  });
  return [
    ...undocumented.map((name) => `header ${name} is not documented`),
    ...missing.map(([name]) => `header ${name} is missing`),
  ];
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
