// What the folders promise: which way imports point, and who alone reads the environment or ends the process.
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';

const root = join(import.meta.dirname, '..');
const files = globSync('{src,plugins,workers,db}/**/*.ts', { cwd: root });

/** Folder → what its modules may import: folders of ours, those of which only types, and packages. */
const rules: { files: RegExp; folders: RegExp; types?: RegExp; packages?: RegExp }[] = [
  { files: /^db\//, folders: /^db\//, packages: /^(?!(fastify|@fastify\/|pino|piscina))/ },
  { files: /^workers\//, folders: /^(workers\/|src\/resources\/)/, packages: /^(ajv|papaparse|piscina)(\/|$)/ },
  { files: /^src\/resources\//, folders: /^src\/resources\//, packages: /^$/ },
  {
    files: /^src\/(import|export)\//,
    folders: /^(src|db|workers)\/(?!app\.ts)/,
    packages: /^(?!(fastify|@fastify\/))/,
  },
  // Outside of the service: of that they have no more than what it tells of itself, its types, and the list of formats.
  {
    files: /^src\/client\//,
    folders: /^src\/(client\/|resources\/formats\.ts)/,
    types: /^(src|plugins)\//,
    packages: /^(content-disposition|eventsource-parser)(\/|$)/,
  },
  {
    files: /^src\/cli\//,
    folders: /^(src\/(cli|client)\/|src\/resources\/formats\.ts|testdata\/|package\.json)/,
    packages: /^(commander|log-update)$/,
  },
  { files: /^src\/(?!app\.ts|server\.ts)/, folders: /^(src|db|workers)\// },
  { files: /^plugins\//, folders: /^(plugins|src|db|workers)\// },
];

interface Import {
  name: string;
  /** Types leave nothing behind at run time. */
  typeOnly: boolean;
}

function importsOf(file: string): Import[] {
  const text = readFileSync(join(root, file), 'utf8');
  return [...text.matchAll(/^(?:import|export)( type)?\b[^;'"]*?from '([^']+)';/gm)].map(([, typeOnly, name = '']) => ({
    name,
    typeOnly: typeOnly !== undefined,
  }));
}

function targetOf(file: string, name: string): string {
  return new URL(name, `file:///${file}`).pathname.slice(1);
}

t.test('imports point one way: plugins to src to db; workers keep to themselves and the resources', async (t) => {
  t.ok(files.length > 80);
  const wrong: string[] = [];
  for (const file of files) {
    const rule = rules.find((rule) => rule.files.test(file));
    for (const { name, typeOnly } of importsOf(file)) {
      if (!rule || name.startsWith('node:')) continue;
      const allowed = name.startsWith('.')
        ? rule.folders.test(targetOf(file, name)) || (typeOnly && rule.types?.test(targetOf(file, name)))
        : typeOnly || (rule.packages?.test(name) ?? true);
      if (!allowed) wrong.push(`${file} imports ${name}`);
    }
  }
  t.same(wrong, []);
});

t.test("none loads Node's HTTP at its start, and fetch and WebSocket with it: Fastify has what it needs", async (t) => {
  const loading = files.filter((file) =>
    importsOf(file).some(({ name, typeOnly }) => /^node:https?$/.test(name) && !typeOnly),
  );
  t.same(loading, []);
});

t.test('no two modules import each other, not even over others', async (t) => {
  const edges = new Map(
    files.map((file) => [
      file,
      importsOf(file)
        .filter(({ name, typeOnly }) => name.startsWith('.') && !typeOnly)
        .map(({ name }) => targetOf(file, name)),
    ]),
  );
  const done = new Set<string>();
  const cycles: string[] = [];
  const visit = (file: string, path: string[]): void => {
    if (path.includes(file)) cycles.push([...path.slice(path.indexOf(file)), file].join(' → '));
    if (done.has(file) || path.includes(file)) return;
    for (const target of edges.get(file) ?? []) visit(target, [...path, file]);
    done.add(file);
  };
  for (const file of files) visit(file, []);
  t.same(cycles, []);
});

t.test('only config.ts reads the environment, and only server.ts ends the process', async (t) => {
  const using = (pattern: RegExp) => files.filter((file) => pattern.test(readFileSync(join(root, file), 'utf8')));
  t.same(using(/\bprocess\.env\b(?!\.NODE_)/), ['src/config.ts']);
  t.same(using(/\bprocess\.exit\b/), ['src/server.ts']);
});

t.test('nothing but its definition says the name of a resource', async (t) => {
  const named = files.filter(
    (file) =>
      !/^(src\/resources\/(users|articles|comments)|db\/migrations\/\d+-(users|articles|comments))\.ts$/.test(file) &&
      /['"`/]\/?(users|articles|comments)\b/.test(
        readFileSync(join(root, file), 'utf8').replace(/^\s*(\/\/|\*|\/\*).*$/gm, ''),
      ),
  );
  t.same(named, []);
});
