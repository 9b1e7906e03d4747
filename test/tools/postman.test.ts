// The Postman collection, run by newman against a service of its own that asks for API keys.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import t from 'tap';
import { createDatabase } from '../databases.ts';
import { environment } from '../environment.ts';
import { startService } from '../service-process.ts';
import { temporaryFolder } from '../temporary-folder.ts';

const root = join(import.meta.dirname, '../..');
const key = 'postman-0123456789abcdef';

interface Report {
  run: {
    stats: { requests: { total: number }; assertions: { total: number } };
    failures: { source?: { name: string }; error: { test?: string; message: string } }[];
  };
}

t.test('newman runs the whole collection', async (t) => {
  const folder = await temporaryFolder(t);
  const env = { ...environment(await createDatabase(t), folder), API_KEYS: `postman:read+write:${key}` };
  const { url } = await startService(t, { ...env, LOG_LEVEL: 'info' });
  const exported = join(folder, 'report.json');
  const newman = spawn(
    process.execPath,
    [
      ...['node_modules/newman/bin/newman.js', 'run', 'postman_collection.json', '--working-dir', root],
      ...['--env-var', `baseUrl=${url}`, '--env-var', `apiKey=${key}`],
      ...['--reporters', 'json', '--reporter-json-export', exported],
    ],
    { cwd: root, stdio: ['ignore', 'inherit', 'pipe'] },
  );
  const [said] = await Promise.all([text(newman.stderr), once(newman, 'close')]);
  const { run } = JSON.parse(await readFile(exported, 'utf8').catch(() => Promise.reject(new Error(said)))) as Report;
  t.same(
    run.failures.map(({ source, error }) => `${source?.name}: ${error.test ?? ''} ${error.message}`),
    [],
  );
  t.ok(run.stats.requests.total > 50);
  t.ok(run.stats.assertions.total > 100);
});
