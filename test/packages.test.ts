// Packages: which may run scripts when they are installed, and how an audit is judged.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import t from 'tap';

const root = new URL('../', import.meta.url).pathname;
const read = (name: string) => JSON.parse(readFileSync(`${root}${name}`, 'utf8'));
const project = read('package.json');

interface LockedPackage {
  version: string;
  integrity?: string;
  hasInstallScript?: boolean;
  inBundle?: boolean;
}

const locked = Object.entries<LockedPackage>(read('package-lock.json').packages).filter(([path]) => path !== '');

t.test('only packages that package.json names run scripts when they are installed', async (t) => {
  const withScripts = locked
    .filter(([, { hasInstallScript }]) => hasInstallScript)
    .map(([path]) => path.replace(/^.*node_modules\//, ''));
  t.ok(withScripts.length > 0);
  t.same(
    [...new Set(withScripts)].sort(),
    Object.keys(project.allowScripts).sort(),
    'neither one that was not looked at, nor one that is no longer there',
  );
  t.ok(Object.values(project.allowScripts).every((allowed) => allowed === true));
});

t.test('what is installed is what was looked at: exact versions, and a hash of every package', async (t) => {
  const named = { ...project.dependencies, ...project.devDependencies, ...project.optionalDependencies };
  for (const [name, version] of Object.entries<string>(named)) t.match(version, /^\d+\.\d+\.\d+(-[\w.]+)?$/, name);
  const unhashed = locked.filter(([, { integrity, inBundle }]) => !integrity && !inBundle);
  t.same(unhashed, []);
});

t.test('CI fails for a known vulnerability, and only says so when nobody can tell it of any', async (t) => {
  const judge = (report: unknown) => {
    const { status, stdout } = spawnSync(process.execPath, ['.ci/judge-audit.ts'], {
      cwd: root,
      input: JSON.stringify(report),
      encoding: 'utf8',
    });
    return { status, said: stdout.trim() };
  };
  const via = [{ title: 'Prototype pollution', url: 'https://advisories.example/1' }];
  const vulnerabilities = {
    lodash: { severity: 'low', range: '<4.17.5', via },
    parent: { severity: 'low', range: '*', via: ['lodash'] },
  };
  t.same(judge({ vulnerabilities: {} }), { status: 0, said: 'npm audit: 0 packages with known vulnerabilities' });
  t.match(judge({ vulnerabilities }), {
    status: 1,
    said: 'lodash <4.17.5, low: Prototype pollution (https://advisories',
  });
  for (const unreachable of [
    { message: 'request to … failed, reason: connect ECONNREFUSED', error: { summary: '', detail: '' } },
    { message: '405 Method Not Allowed', statusCode: 405 },
    { message: '503 Service Unavailable', statusCode: 503 },
  ]) {
    t.match(judge(unreachable), {
      status: 0,
      said: `NOT CHECKED, the registry's audit endpoint cannot be reached: ${unreachable.message}`,
    });
  }
  for (const broken of [
    { error: { code: 'ENOLOCK', summary: 'This command requires an existing lockfile.' } },
    { message: '400 Bad Request', statusCode: 400 },
    {},
  ]) {
    t.match(judge(broken), { status: 1, said: 'npm audit: failed: ' });
  }
});
