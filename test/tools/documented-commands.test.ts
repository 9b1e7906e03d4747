// README.md and docs/: the commands are typed into one new service, page by page, and answered as they are printed.
import { symlink } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { openPool } from '../../db/client.ts';
import { createDatabase } from '../databases.ts';
import { environment } from '../environment.ts';
import { holdJobs } from '../hold-jobs.ts';
import { withoutTerminal } from '../on-terminal.ts';
import { startService } from '../service-process.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { typeCommands, withoutCurl } from '../type-commands.ts';

const root = join(import.meta.dirname, '../..');

t.test('every command answers as its page says', { skip: withoutCurl || withoutTerminal }, async (t) => {
  // Like the checkout, but what commands make is not in it.
  const folder = await temporaryFolder(t);
  for (const part of ['testdata', 'package.json', 'src', 'node_modules']) {
    await symlink(join(root, part), join(folder, part));
  }
  const database = await createDatabase(t);
  const env = { ...environment(database, join(folder, 'data')), SEED: 'on', LOG_LEVEL: 'info' };
  let service = await startService(t, env);
  const { url } = service;
  const sql = openPool(database, { max: 1, name: 'test' });
  t.after(async () => await sql.end());
  const meanwhile = {
    hold: async () => await holdJobs(t, { sql }),
    async kill() {
      await service.stop('SIGKILL');
      return async () => void (service = await startService(t, { ...env, PORT: new URL(url).port }));
    },
  };
  const ids = new Map<string, string>();
  // A page goes on where those before it ended.
  for (const page of ['README.md', 'docs/importing.md', 'docs/jobs.md', 'docs/exporting.md']) {
    t.ok((await typeCommands(t, page, { url, folder, ids, meanwhile })) > 0, page);
  }
});
