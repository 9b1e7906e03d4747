// README.md and docs/: the commands are typed into one new service, page by page, and answered as they are printed.
import { symlink } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { environment, temporaryFolder } from './build.ts';
import { createDatabase } from './databases.ts';
import { startService } from './service-process.ts';
import { typeCommands, withoutCurl } from './type-commands.ts';

t.test('every command answers as its page says', { skip: withoutCurl }, async (t) => {
  const folder = await temporaryFolder(t);
  await symlink(join(import.meta.dirname, '../testdata'), join(folder, 'testdata'));
  const database = await createDatabase(t);
  const { url } = await startService(t, {
    ...environment(database, join(folder, 'data')),
    SEED: 'on',
    LOG_LEVEL: 'info',
  });
  const ids = new Map<string, string>();
  // A page goes on where those before it ended.
  for (const page of ['README.md', 'docs/importing.md', 'docs/jobs.md', 'docs/exporting.md']) {
    t.ok((await typeCommands(t, page, { url, folder, ids })) > 0, page);
  }
});
