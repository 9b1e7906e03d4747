// The registry of resources: found by looking into a folder, checked once at start.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import t, { type Test } from 'tap';
import { resourceNamed, resources } from '../src/resources/index.ts';
import { loadResources } from '../src/resources/load-resources.ts';
import type { Field, Resource } from '../src/resources/resource.ts';

const definitions = new URL('../src/resources/resource.ts', import.meta.url).href;
let folders = 0;

/** Writes definition files into a folder of their own and loads it. */
async function load(t: Test, ...definitionsOf: Partial<Resource>[]): Promise<string[]> {
  const folder = join(t.testdir({}), `${folders++}`);
  await mkdir(folder);
  await writeFile(join(folder, 'helper.ts'), 'export const none = 0;');
  for (const [n, definition] of definitionsOf.entries()) {
    const text = `import { defineResource } from ${JSON.stringify(definitions)};
      export default defineResource(${JSON.stringify({ keys: ['id'], singular: 'one', ...definition })});`;
    await writeFile(join(folder, `${n}.ts`), text);
  }
  return [...(await loadResources(pathToFileURL(`${folder}/`))).keys()];
}

const id: Field = { type: 'uuid' };
const to = (references: string): Field => ({ type: 'uuid', references });

t.test('the service moves users, articles and comments, parents first', async (t) => {
  t.same([...resources.keys()], ['users', 'articles', 'comments']);
  t.equal(resourceNamed('articles').singular, 'article');
  t.throws(() => resourceNamed('unknown'), /there is no resource 'unknown'/);
  t.throws(() => resourceNamed('constructor'));
});

t.test('a parse thread finds the same resources', async (t) => {
  const source = `import(${JSON.stringify(new URL('../src/resources/index.ts', import.meta.url).href)})
    .then(({ resources }) => require('node:worker_threads').parentPort.postMessage([...resources.keys()]))`;
  const worker = new Worker(source, { eval: true });
  const names = await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
  await worker.terminate();
  t.same(names, [...resources.keys()]);
});

t.test('every definition file of the folder is a resource, in an order that loads', async (t) => {
  t.same(await load(t), []);
  const names = await load(
    t,
    { name: 'apples', fields: { id, tree: to('trees') } },
    { name: 'pears', fields: { id } },
    { name: 'trees', fields: { id, garden: { ...to('gardens'), default: null } as Field } },
    { name: 'gardens', fields: { id } },
  );
  t.same(names, ['gardens', 'pears', 'trees', 'apples']);
});

t.test('a definition that cannot work stops the start, with its reason', async (t) => {
  const one = (fields: Record<string, Field>, more: Partial<Resource> = {}) =>
    load(t, { name: 'ones', fields, ...more });
  const text: Field = { type: 'text' };
  await t.rejects(load(t, { name: 'a', fields: { id } }, { name: 'a', fields: { id } }), /two resources named a/);
  await t.rejects(one({ id, other: to('others') }), /ones.other refers to others: no such resource/);
  await t.rejects(
    load(t, { name: 'a', fields: { id, b: to('b') } }, { name: 'b', fields: { id, a: to('a') } }),
    /a, b refer to each other in a circle/,
  );
  await t.rejects(one({ id, parent: to('ones') }), /ones.parent refers to its own resource/);
  await t.rejects(one({ id, 'not a name': text }), /'not a name' cannot be a name/);
  await t.rejects(one({ id, constructor: text } as Record<string, Field>), /'constructor' cannot be a name/);
  await t.rejects(one({ id, note: text }, { keys: ['id', 'note'] }), /ones.note is a key: it must be/);
  await t.rejects(one({ id: { type: 'uuid', default: null } }), /ones.id is a key: it must be/);
  await t.rejects(one({ id }, { keys: ['id', 'absent'] as Resource['keys'] }), /ones has no field absent/);
  await t.rejects(
    load(t, { name: 'a', fields: { id, b: to('b') } }, { name: 'b', fields: { key: id }, keys: ['key'] }),
    /a.b refers to b, whose primary key is not a uuid 'id'/,
  );
  await t.rejects(
    one({ id, at: { type: 'timestamp', default: { field: 'gone' } } }),
    /ones.at takes its default from gone/,
  );
  await t.rejects(
    one({ id, role: { type: 'enum', values: ['a', 'b'], default: 'c' } }),
    /ones.role has the default 'c', which is not among its values/,
  );
});
