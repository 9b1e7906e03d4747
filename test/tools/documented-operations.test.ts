// docs/operating.md: the commands for the embedded database are typed as they stand there.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import t from 'tap';
import { runShell } from '../run-shell.ts';
import { call, follow, startService } from '../service-process.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { blocksOf } from '../type-commands.ts';

const withoutPsql =
  spawnSync('psql', ['-V']).error && !process.env.CI ? 'psql not installed (.ci/install-tools)' : false;

interface Figures {
  database: { users: number; comments: number };
}

t.test('the embedded database is reached by psql, and goes on from a copy', { skip: withoutPsql }, async (t) => {
  const commands = (await blocksOf('docs/operating.md'))
    .filter(({ kind }) => kind === 'sh')
    .map(({ content }) => content);
  const [copy = '', psql = ''] = ['cp -a', 'psql'].map((word) => commands.find((command) => command.includes(word)));
  const folder = await temporaryFolder(t);
  const env = { PATH: process.env.PATH ?? '' };
  const first = await startService(t, { DATA_DIR: join(folder, 'data'), SEED: 'on' });
  await follow<Figures>(`${first.url}/metrics`, ({ database }) => database.comments === 5);
  const counted = await runShell(`echo 'SELECT count(*) FROM users' | ${psql.trim()} -At`, { cwd: folder, env }).ended;
  t.match(counted, { code: 0, stdout: '10\n', stderr: '' });

  t.equal(await first.stop('SIGTERM'), 0);
  t.match(await runShell(copy, { cwd: folder, env }).ended, { code: 0, stderr: '' });
  const second = await startService(t, { DATA_DIR: join(folder, 'data-backup'), SEED: 'off' });
  t.match(await call(`${second.url}/metrics`), { database: { users: 10, comments: 5 } });
  t.equal(await second.stop('SIGTERM'), 0);
});
