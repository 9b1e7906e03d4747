// axe-core on every view of the console: roles, names, labels, contrast and order, in both colour schemes and both layouts;
// and that no view is wider than its window. Small files: a table of a hundred rows shows axe no more than one of four.
import { createRequire } from 'node:module';
import type { Page } from 'playwright-core';
import t from 'tap';
import { openPool } from '../../db/client.ts';
import { holdJobs } from '../hold-jobs.ts';
import { follow, upload } from '../service-process.ts';
import { openBrowser, withoutBrowser } from './browser.ts';
import { csv, startPlace, user, visit } from './visit-console.ts';

const axeFile = createRequire(import.meta.url).resolve('axe-core/axe.min.js');

const looks = [
  { colorScheme: 'light', width: 1200 },
  { colorScheme: 'dark', width: 360 },
] as const;

/** Every kind of cell that a preview has, and problems of several fields. */
const people = csv(
  `people_${'of_a_long_name_'.repeat(10)}.csv`,
  user(1),
  user(2, 'manager'),
  user(3).replace('u3@example.com', ''),
  user(4).replace('User 4', 'x'.repeat(300)),
);

/** What a view is called, its address, a text that is there once it is, and what is done in it. */
type View = [name: string, address: string, ready: string, act?: (page: Page) => Promise<unknown>];

const views: View[] = [
  ['import', '#/import', 'Drop a file here'],
  [
    'import of a file',
    '#/import?resource=',
    'Drop a file here',
    async (page) => {
      await page.setInputFiles('#file', people);
      await page.getByText('have problems').waitFor();
    },
  ],
  ['jobs', '#/jobs', 'people_of_a_long_name'],
  ['no jobs', '#/jobs?status=failed', 'No imports like that'],
  ['no export jobs', '#/jobs?type=exports', 'No export jobs yet'],
  [
    'export',
    '#/export',
    'Download now',
    async (page) => await page.getByRole('button', { name: 'Add a filter' }).click(),
  ],
  ['overview', '#/overview', 'Figures as a table', async (page) => await page.getByText('Figures as a table').click()],
  ['no such view', '#/elsewhere', 'There is no such view'],
  ['no such job', '#/imports/x', 'This import cannot be shown'],
];

t.test('the console as axe sees it', { skip: withoutBrowser }, async (t) => {
  const browser = await openBrowser(t);
  const { service, connection } = await startPlace(t);
  const id = await upload(service.url, 'users', people.name, new Blob([people.buffer]));
  await follow<{ status: string }>(`${service.url}/v1/imports/${id}`, ({ status }) => status === 'completed');
  const sql = openPool(connection, { max: 1, name: 'bulk tests' });
  t.after(async () => await sql.end({ timeout: 5 }));
  // Its own script is the one that the policy has to let in.
  const { page } = await visit(t, browser, service.url, { bypassCSP: true });
  await page.addScriptTag({ path: axeFile });

  // What the style sheets say of turning the device is the same for all views: they are looked into once.
  let preload = true;
  const check = async (what: string) => {
    for (const { colorScheme, width } of looks) {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width, height: 800 });
      const { violations } = (await page.evaluate(`axe.run({ resultTypes: ['violations'], preload: ${preload} })`)) as {
        violations: { id: string; nodes: { html: string }[] }[];
      };
      preload = false;
      const said = violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`);
      t.same(said, [], `${what}, ${colorScheme}, ${width} px`);
      const tooWide = 'document.documentElement.scrollWidth - document.documentElement.clientWidth';
      t.equal(await page.evaluate(tooWide), 0, `${what} fits ${width} px`);
    }
  };
  const show = async ([name, address, ready, act]: View) => {
    await page.evaluate(`location.hash = ${JSON.stringify(address)}`);
    await page.getByText(ready).first().waitFor();
    await act?.(page);
    await check(name);
  };
  for (const view of views) await show(view);
  await show([
    'an import',
    `#/imports/${id}`,
    'Problems by field',
    async () => await page.locator('.disclosure').first().click(),
  ]);

  const letGo = await holdJobs(t, { sql });
  await page.evaluate(`location.hash = '#/import'`);
  await page.setInputFiles('#file', csv('held.csv', user(9)));
  await page.getByRole('button', { name: 'Import into users' }).click();
  await page.locator('.title-line').getByText('Running').waitFor();
  await check('a running import');
  await page.getByRole('button', { name: 'Cancel the import' }).click();
  await check('a question');
  await page.getByRole('dialog').getByRole('button', { name: 'Cancel the import' }).click();
  await page.locator('.title-line').getByText('Cancelled').waitFor();
  await check('a cancelled import');
  await letGo();

  await page.route('**/v1/imports?*', async (route) => await route.fulfill({ status: 401, body: '{}' }));
  await page.evaluate(`location.hash = '#/jobs?type='`);
  const dialog = page.getByRole('dialog', { name: 'API key' });
  await dialog.waitFor();
  await check('a key is wanted');
  await dialog.getByRole('button', { name: 'Not now' }).click();
  await page.getByRole('button', { name: 'Enter the API key' }).waitFor();
  await check('a key is not given');
  for (const there of ['**/v1/**', '**/health']) await page.route(there, async (route) => await route.abort());
  await page.evaluate(`location.hash = '#/overview'`);
  await page.getByText('The service does not answer', { exact: true }).waitFor();
  await check('the service is away');
});
