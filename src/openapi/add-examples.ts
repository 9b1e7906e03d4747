// The recorded examples of an operation, in the places where OpenAPI has them: its parameters, body and responses.
import { type Example, examples } from './examples.ts';
import type { Operation } from './operation.ts';

/** Changes the operation. An answer that the operation does not have is left out. */
export function addExamples(operation: Operation): void {
  for (const example of examples.filter(({ operationId }) => operationId === operation.operationId)) {
    addToParameters(operation, example);
    addToBody(operation, example);
    addToResponse(operation, example);
  }
}

function addToParameters({ parameters = [] }: Operation, { request, response }: Example): void {
  // What is refused is no example of a value.
  if (response.status >= 400) return;
  const query = new URL(request.path, 'http://localhost').searchParams;
  const headers = new Headers(request.headers);
  for (const parameter of parameters) {
    const value = parameter.in === 'query' ? query.get(parameter.name) : headers.get(parameter.name);
    if (value === null || 'example' in parameter || parameter.in === 'path') continue;
    parameter.example = typed(value, parameter.schema);
  }
}

/** A query is text; an example in the document has the type of its schema. */
function typed(value: string, { type }: { type?: unknown }): string | number | boolean {
  if (type === 'integer') return Number(value);
  return type === 'boolean' ? value === 'true' : value;
}

function addToBody({ requestBody }: Operation, { name, summary, request, response }: Example): void {
  // What is malformed is no example of a body.
  if (response.status === 400) return;
  const { json, form, file } = request;
  const value = file ? { ...form, file: file.content } : json;
  const media = requestBody?.content[file ? 'multipart/form-data' : 'application/json'];
  if (value !== undefined && media) media.examples = { ...media.examples, [name]: { summary, value } };
}

function addToResponse({ responses }: Operation, { name, summary, request, response }: Example): void {
  if (response.body === undefined) return;
  const [type = ''] = (response.headers['content-type'] ?? '').split(';');
  const media = Object.entries(responses[response.status]?.content ?? {}).find(([known]) => known.startsWith(type));
  // That none is left out for want of a place is for test/openapi to see.
  if (!media) return;
  const description = `\`${request.method} ${request.path}\``;
  media[1].examples = { ...media[1].examples, [name]: { summary, description, value: response.body } };
}
