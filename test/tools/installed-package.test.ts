// The package as others install it, from what `npm pack` makes: its command, its client, and the client's types.
import { execFile } from 'node:child_process';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';
import project from '../../package.json' with { type: 'json' };
import * as client from '../../src/client/index.ts';
import { withoutTap } from '../plain-node.ts';
import { temporaryFolder } from '../temporary-folder.ts';

const root = new URL('../../', import.meta.url).pathname;
const execute = promisify(execFile);
const run = async (file: string, args: string[], cwd = root) => await execute(...withoutTap(file, args), { cwd });

const folder = await temporaryFolder(t);
const { stdout } = await run('npm', ['pack', '--json', '--pack-destination', folder]);
const [{ filename }] = JSON.parse(stdout.slice(stdout.indexOf('['))) as [{ filename: string }];
const installed = join(folder, 'node_modules', project.name);
await mkdir(installed, { recursive: true });
await run('tar', ['-xf', join(folder, filename), '--strip-components=1', '-C', installed]);
// Its dependencies, as npm would have installed them.
await symlink(`${root}node_modules`, join(installed, 'node_modules'));

t.test('the command runs', async (t) => {
  const made = await run(
    process.execPath,
    [join(installed, project.bin.bulk), 'generate', 'users', '3', 'three.csv'],
    folder,
  );
  t.match(JSON.parse(made.stdout), { event: 'generated', valid: 3 });
  t.equal(made.stderr, '');
});

t.test('the client is imported, and all that it has', async (t) => {
  const program = `import * as client from '${project.name}/client'; console.log(Object.keys(client).join())`;
  const { stdout, stderr } = await run(process.execPath, ['--input-type=module', '--eval', program], folder);
  t.equal(stdout.trim(), Object.keys(client).join());
  t.equal(stderr, '');
});

t.test('its types are those of the routes', async (t) => {
  await writeFile(
    join(folder, 'program.mts'),
    `import { BulkClient, type Import } from '${project.name}/client';
const client = new BulkClient({ baseUrl: 'http://127.0.0.1:8080' });
const job: Import = await client.import('x');
export const status: 'pending' | 'processing' | 'completed' | 'failed' | 'cancelled' = job.status;
// @ts-expect-error
export const wrong: number = job.file_name;
`,
  );
  const options = ['--noEmit', '--strict', '--skipLibCheck', '--module', 'nodenext', '--target', 'es2024'];
  const types = ['--types', 'node', '--typeRoots', `${root}node_modules/@types`];
  const checked = run(`${root}node_modules/.bin/tsc`, [...options, ...types, 'program.mts'], folder);
  await t.resolves(checked.catch(({ stdout }) => Promise.reject(new Error(stdout))));
});

t.end();
