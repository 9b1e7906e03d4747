// The OpenAPI document and its page, as the service gives them out, and what must know the same routes: the README and the
// Postman collection.
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { readFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import type { FastifyInstance } from 'fastify';
import t from 'tap';
import type { OpenApiDocument } from '../../src/openapi/operation.ts';
import { problems } from '../../src/problems.ts';
import { resources } from '../../src/resources/index.ts';
import { build } from '../build.ts';
import { routesOf } from '../routes.ts';
import { rowsOf } from '../table-rows.ts';

/** By route and place. */
const schemas = new Map<string, object>();
const collectSchemas = (message: unknown) => {
  const { fastify } = message as { fastify: FastifyInstance };
  fastify.addHook('onRoute', ({ method, url, schema: { response = {}, ...request } = {} }) => {
    for (const [place, schema] of Object.entries({ ...request, ...(response as object) })) {
      if (typeof schema === 'object' && schema !== null) schemas.set(`${method} ${url} ${place}`, schema);
    }
  });
};
subscribe('fastify.initialization', collectSchemas);
const app = await build(t, { API_KEYS: 'reader:read:reader-0123456789ab' });
unsubscribe('fastify.initialization', collectSchemas);

const strict = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'";

t.test('the document says all there is to say of every operation', async (t) => {
  const response = await app.inject('/openapi.json');
  t.match(response, { statusCode: 200, headers: { 'content-type': 'application/json; charset=utf-8' } });
  const document = response.json<OpenApiDocument>();
  t.equal(document.openapi, '3.1.0');

  const operations = Object.entries(document.paths ?? {}).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  );
  const codes = new Set<string>();
  for (const { path, method, operation } of operations) {
    const name = `${method} ${path}`;
    const { operationId, parameters = [], requestBody, responses } = operation;
    t.match(operation, { operationId: String, summary: String, description: String, tags: [String] }, name);
    const places = [...path.matchAll(/\{(\w+)\}/g)].map(([, place]) => place);
    t.same(
      parameters.filter((parameter) => parameter.in === 'path').map((parameter) => parameter.name),
      places,
      name,
    );
    for (const parameter of parameters) t.match(parameter, { description: String, schema: Object }, `${name}`);
    // Whatever is posted but a cancellation has a body.
    t.equal(requestBody !== undefined, method === 'post' && !path.endsWith('/cancel'), name);
    for (const [status, { description, headers = {}, content = {} }] of Object.entries(responses)) {
      t.ok(description.length > 5, `${name} ${status}`);
      t.ok('X-Request-Id' in headers, `${name} ${status}`);
      t.equal('Retry-After' in headers, ['409', '429', '503'].includes(status), `${name} ${status}`);
      for (const code of description.matchAll(/`(\w+)`: /g)) codes.add(code[1] as string);
      if (Number(status) >= 400) t.ok('application/problem+json' in content, `${name} ${status}`);
    }
    t.ok(operationId);
  }
  // Those that are answered before there is a route.
  t.same([...codes, 'method_not_allowed', 'headers_too_large'].sort(), Object.keys(problems).sort());

  const { paths = {}, components = {} } = document;
  const form = paths['/v1/imports']?.post?.requestBody?.content['multipart/form-data'];
  t.same(form?.schema, { $ref: '#/components/schemas/ImportForm' });
  t.same(Object.keys(components.securitySchemes ?? {}), ['bearer', 'apiKey']);
  t.equal(Object.keys(components.schemas ?? {}).filter((name) => /Record$/.test(name)).length, resources.size);
  t.same(paths['/health']?.get?.security, [], 'public');
});

t.test('what is served under /docs may run its own scripts, and nothing else may', async (t) => {
  for (const url of ['/docs', '/docs/', '/docs/static/swagger-ui-bundle.js', '/docs/json']) {
    const { statusCode, headers } = await app.inject(url);
    t.equal(statusCode, 200, url);
    t.ok(String(headers['content-security-policy']).startsWith(strict), url);
  }
  t.notMatch((await app.inject('/openapi.json')).headers, { 'content-security-policy': /self/ });
  t.match((await app.inject('/docs/static/nothing.js')).json(), { status: 404, code: 'not_found' });
});

t.test('every route but those of pages is in the document', async (t) => {
  const { paths = {} } = (await app.inject('/openapi.json')).json<OpenApiDocument>();
  const documented = Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path.replaceAll(/\{(\w+)\}/g, ':$1')}`),
  );
  const pages = /^(GET \/(|docs\b.*|console\/:version\/\*)|OPTIONS \*|HEAD .*)$/;
  t.same(
    routesOf(app)
      .filter((route) => !pages.test(route))
      .sort(),
    documented.sort(),
  );
});

t.test('every schema of a route is valid, which no start asks', async (t) => {
  const ajv = new Ajv();
  t.ok(schemas.size > 20);
  for (const [place, schema] of schemas) t.ok(ajv.validateSchema(schema), `${place}: ${ajv.errorsText()}`);
  t.notOk(ajv.validateSchema({ type: 'objekt' }), 'it would find some');
});

t.test('the README has every route', async (t) => {
  const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
  const table = rowsOf(readme, /^`(?:GET|POST) \//).join('\n');
  const named = [...table.matchAll(/(GET|POST) (\/(?:[\w/:.]*\w)?)/g)].map(([, method, path]) => `${method} ${path}`);
  const pages = /^GET \/(docs\/.*|console\/:version\/\*)$/;
  const routes = routesOf(app).filter((route) => /^(GET|POST) /.test(route) && !pages.test(route));
  t.same([...new Set(named)].sort(), routes.sort());
});

interface Entry {
  name: string;
  item?: Entry[];
  request?: { method: string; url: string };
}

/** Requests that are meant to be refused. */
const nowhere = ['GET /v1/nothing', 'DELETE /v1/imports'];

function requestsOf({ item = [], request }: Entry): string[] {
  const own = request ? [`${request.method} ${request.url.replace('{{baseUrl}}', '').replace(/\?.*/, '')}`] : [];
  return [...own, ...item.flatMap(requestsOf)];
}

t.test('the Postman collection has every operation, and none that is not there', async (t) => {
  const { paths = {} } = (await app.inject('/openapi.json')).json<OpenApiDocument>();
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => ({ name: `${method.toUpperCase()} ${path}`, places: path.split('{').length })),
  );
  // A path without parameters comes before one that would take its segments for parameters.
  operations.sort((a, b) => a.places - b.places);
  const collection: Entry = JSON.parse(readFileSync(new URL('../../postman_collection.json', import.meta.url), 'utf8'));
  const found = new Set<string>();
  for (const request of requestsOf(collection)) {
    const fits = ({ name }: { name: string }) =>
      new RegExp(`^${name.replaceAll('.', '\\.').replaceAll(/\{\w+\}/g, '[^/]+')}$`).test(request);
    const operation = operations.find(fits);
    if (operation) found.add(operation.name);
    else t.ok(nowhere.includes(request), request);
  }
  t.same([...found].sort(), operations.map(({ name }) => name).sort());
});

// The app would keep the process, and thereby this, from ending by itself.
t.end();
