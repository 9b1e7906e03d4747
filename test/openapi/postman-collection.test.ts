// Every operation of the API has its requests in the Postman collection, and none is for what is not there.
import { readFileSync } from 'node:fs';
import t from 'tap';
import type { OpenApiDocument } from '../../src/openapi/operation.ts';
import { build } from '../build.ts';

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

t.test('the collection has every operation', async (t) => {
  const app = await build(t);
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
