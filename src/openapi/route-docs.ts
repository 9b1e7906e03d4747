// What a route says of itself for the OpenAPI document, beyond the schemas by which it checks and answers. It is data in
// the route's `config.docs`; document.ts puts both together. A route without it is not part of the API (a page, a
// preflight).
import type { ProblemCode } from '../problems.ts';
import type { ResponseHeader } from './response-headers.ts';

/** JSON Schema 2020-12, of TypeBox or written by hand. */
export type Schema = Readonly<object>;

export const tags = {
  Imports: 'A file becomes an import job: its records are validated and loaded, those that break a rule are reported.',
  Exports: 'The rows of a resource as a file: streamed at once, or made by an export job and then downloaded.',
  Service: 'Whether the service is well, how many rows there are, what its answers mean.',
} as const;

export interface ParameterDocs {
  name: string;
  in: 'query' | 'header';
  description: string;
  schema: Schema;
  required?: true;
  style?: 'form';
  explode?: true;
}

export interface ResponseDocs {
  description: string;
  headers?: readonly ResponseHeader[];
  /** Media type → schema of its body. JSON is described by the route's own response schema, where it has one. */
  content?: Readonly<Record<string, Schema>>;
}

export interface RouteDocs {
  operationId: string;
  tag: keyof typeof tags;
  summary: string;
  /** Markdown. */
  description: string;
  /** Those that the route reads without a schema. */
  parameters?: readonly ParameterDocs[];
  /** A body that the route reads without a schema: media type → schema. */
  body?: Readonly<Record<string, Schema>>;
  /** Every answer but problems, by status. */
  responses: Readonly<Record<number, ResponseDocs>>;
  /** The problems of this route; those that many have are added to them (problem-responses.ts). */
  problems: readonly ProblemCode[];
}
