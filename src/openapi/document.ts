// The OpenAPI document. @fastify/swagger makes the paths from the schemas that the routes check and answer by; here each
// operation gets the rest: what its `config.docs` says, the problems that its kind can have, headers, and examples.
import type { FastifySchema, RouteOptions } from 'fastify';
import { versionText } from '../help.ts';
import { resources } from '../resources/index.ts';
import { addExamples } from './add-examples.ts';
import { nameSchemas } from './name-schemas.ts';
import type { MediaType, OpenApiDocument, Operation } from './operation.ts';
import { commonProblems, problemResponses, problemSchema } from './problem-responses.ts';
import { recordSchemas } from './record-schemas.ts';
import { commonHeaders, limitHeaders, type ResponseHeader, responseHeaders } from './response-headers.ts';
import { type ResponseDocs, type RouteDocs, type Schema, tags } from './route-docs.ts';

interface DocumentedRoute extends Pick<RouteOptions, 'method' | 'url' | 'config'> {
  docs: RouteDocs;
}

const description = `Moves large CSV, NDJSON and JSON files in and out of PostgreSQL.

**Jobs.** \`POST\` answers 202 with a \`job_id\` and a \`Location\`; ask there until \`status\` is \`completed\`, \`failed\` or
\`cancelled\`. Rejected records do not make an import fail: they are counted, and reported with line, field and reason.

**Errors** are \`application/problem+json\` (RFC 9457); \`code\` is for programs. Besides those listed with each operation
there are 404 \`not_found\` and 405 \`method_not_allowed\` for other URLs and methods, and 400, 408 and 431 for what is
not a whole HTTP request.

**Access.** Where the service has API keys, send one as \`Authorization: Bearer\` or as \`X-API-Key\`; it may \`read\`,
\`write\` or both. Without keys only requests from the machine itself are served, unless it is open to all.

Every answer has an \`X-Request-Id\`, the request's own where it sent one, and headers that keep a browser from running,
framing or guessing what is in it (\`Content-Security-Policy\`, \`X-Content-Type-Options\` …). \`HEAD\` works wherever
\`GET\` does.`;

/** What does not come from the routes. */
export const documentHead = {
  openapi: '3.1.0',
  info: {
    title: 'Bulk Import/Export API',
    version: versionText(),
    description,
    license: { name: 'MIT', identifier: 'MIT' },
  },
  servers: [{ url: '/', description: 'The service that this document comes from.' }],
  tags: Object.entries(tags).map(([name, description]) => ({ name, description })),
  components: {
    securitySchemes: {
      bearer: { type: 'http', scheme: 'bearer', description: 'An API key.' },
      apiKey: { type: 'apiKey', in: 'header', name: 'X-API-Key', description: 'An API key.' },
    },
  },
} as const;

/** Collects the routes while @fastify/swagger goes through them, then completes the document that it made. */
export class DocumentBuilder {
  readonly #routes: DocumentedRoute[] = [];

  /** @fastify/swagger's `transform`. */
  describe(route: RouteOptions): { schema: FastifySchema; url: string } {
    const { url, config, schema = {} } = route;
    const docs = config?.docs;
    if (!docs) return { schema: { ...schema, hide: true }, url };
    this.#routes.push({ url, method: route.method, config, docs });
    const { operationId, summary, description, tag } = docs;
    const security: Record<string, string[]>[] = config.scope === 'public' ? [] : [{ bearer: [] }, { apiKey: [] }];
    return { schema: { ...schema, operationId, summary, description, tags: [tag], security }, url };
  }

  /** @fastify/swagger's `transformObject`. Changes the document. */
  complete<Document extends OpenApiDocument>(document: Document): Document {
    const operations = Object.values(document.paths ?? {}).flatMap((path) => Object.values(path));
    const named = new Map<string, Schema>();
    const name = (schema: Schema) => nameSchemas(schema, named);
    for (const schema of [problemSchema, ...recordSchemas(resources)]) name(schema);
    for (const route of this.#routes) {
      const operation = operations.find(({ operationId }) => operationId === route.docs.operationId)!;
      completeOperation(operation, route);
      nameSchemasOf(operation, name);
      addExamples(operation);
    }
    document.components = {
      ...document.components,
      schemas: Object.fromEntries([...named].sort(([a], [b]) => (a < b ? -1 : 1))),
      headers: responseHeaders,
    };
    return document;
  }
}

function completeOperation(operation: Operation, { docs, method, config }: DocumentedRoute): void {
  const limited = !config?.unlimited;
  if (docs.parameters) operation.parameters = [...(operation.parameters ?? []), ...docs.parameters];
  if (docs.body) {
    const content = Object.entries(docs.body).map(([type, schema]) => [type, { schema }]);
    operation.requestBody = { required: true, content: Object.fromEntries(content) };
  }
  const kind = { method: String(method), scope: config?.scope ?? 'write', limited };
  const problems = problemResponses([...docs.problems, ...commonProblems(kind)]);
  const responses: Operation['responses'] = {};
  for (const status of new Set([...Object.keys(docs.responses), ...Object.keys(problems)].map(Number))) {
    const said = [docs.responses[status], problems[status]].filter((response) => response !== undefined);
    const json = operation.responses[status]?.content;
    responses[status] = describeResponse(said, docs.responses[status] ? json : undefined, limited);
  }
  operation.responses = responses;
}

/** @param said what the route says of a status, what problems say of it, or both (503 of the health check). */
function describeResponse(
  said: readonly ResponseDocs[],
  json: Record<string, MediaType> | undefined,
  limited: boolean,
): Operation['responses'][string] {
  const headers = new Set([
    ...commonHeaders,
    ...(limited ? limitHeaders : []),
    ...said.flatMap(({ headers = [] }) => headers),
  ]);
  const content: Record<string, MediaType> = { ...json };
  for (const [type, schema] of said.flatMap((response) => Object.entries(response.content ?? {}))) {
    content[type] = { schema };
  }
  return {
    description: said.map(({ description }) => description).join(' '),
    headers: Object.fromEntries([...headers].map((name) => [name, headerReference(name)])),
    ...(Object.keys(content).length > 0 ? { content } : {}),
  };
}

function headerReference(name: ResponseHeader): object {
  return { $ref: `#/components/headers/${name}` };
}

function nameSchemasOf({ parameters = [], requestBody, responses }: Operation, name: (schema: Schema) => Schema): void {
  for (const parameter of parameters) if (parameter.schema) parameter.schema = name(parameter.schema);
  const contents = [requestBody?.content, ...Object.values(responses).map(({ content }) => content)];
  for (const media of contents.flatMap((content) => Object.values(content ?? {}))) media.schema = name(media.schema);
}
