// The console as people use it: Debian's Chromium on a service of its own process. Its views as axe sees them:
// console-axe.test.ts. The files that it is made of: test/plugins/console.test.ts.
import type { Request } from 'playwright-core';
import t from 'tap';
import { openPool } from '../../db/client.ts';
import { holdJobs } from '../hold-jobs.ts';
import { follow, startService, upload } from '../service-process.ts';
import { openBrowser, withoutBrowser } from './browser.ts';
import { csv, csvHeader, startPlace, textOf, user, visit } from './visit-console.ts';

t.test('the console in a browser', { skip: withoutBrowser }, async (t) => {
  const browser = await openBrowser(t);
  const { service, connection, env } = await startPlace(t);
  const { url } = service;
  const sql = openPool(connection, { max: 1, name: 'bulk tests' });
  t.after(async () => await sql.end({ timeout: 5 }));
  const { page, complaints } = await visit(t, browser, url);
  t.afterEach(() => {
    if (complaints.length > 0) throw new Error(complaints.splice(0).join('\n'));
  });
  /** Begins anew in the same tab, which takes half of what opening another one does. */
  const begin = async (address = '') => {
    await page.unrouteAll();
    await page.evaluate(`location.hash = ${JSON.stringify(address)}`);
    await page.reload();
  };

  t.test('a file with errors is imported, mended and finished', async (t) => {
    await begin();
    const content = `${[csvHeader, user(1), user(2, 'manager'), user(3), user(4, 'reader')].join('\n')}\n`;
    const dropped = await page.evaluateHandle(
      `(() => { const data = new DataTransfer(); data.items.add(new File([${JSON.stringify(content)}], 'people.csv')); return data; })()`,
    );
    await page.getByText('Drop a file here').waitFor();
    await page.dispatchEvent('body', 'drop', { dataTransfer: dropped });

    await page.getByText('Guessed from the columns').waitFor();
    t.equal(await page.getByLabel('Resource').inputValue(), 'users');
    t.equal(await page.getByLabel('Format').inputValue(), 'csv');
    t.equal(await page.getByLabel('Delimiter').inputValue(), ',');
    const preview = page.getByRole('region', { name: 'First records of the file' });
    t.equal(await preview.getByRole('row').count(), 5);
    t.match(await preview.getByRole('row').nth(2).innerText(), /invalid role, must be one of[\s\S]*manager/);
    t.equal(await preview.locator('.cell-wrong').count(), 2, 'the cells that are wrong are marked');
    await page.getByText('of the first 4 records have problems').waitFor();

    await page.getByRole('button', { name: 'Import into users' }).click();
    await page.getByRole('heading', { name: 'people.csv' }).waitFor();
    await page.getByText('2 records rejected').waitFor();
    t.match(await page.locator('.figures').innerText(), /Records read\s+4\s+Loaded\s+2\s+Rejected\s+2/);
    const groups = page.getByRole('region', { name: 'Problems by field and kind' });
    t.match(await groups.innerText(), /role\s+invalid role, must be one of: admin, editor, viewer\s+2/);
    await groups.getByRole('button').click();
    t.match(await groups.innerText(), /Line 3, record 2: manager[\s\S]*Line 5, record 4: reader/);

    const saved = page.waitForEvent('download');
    await page.getByRole('button', { name: 'Rejected records with reasons' }).click();
    const rejects = await saved;
    t.equal(rejects.suggestedFilename(), 'rejected_people.csv');
    const lines = (await textOf(rejects)).trim().split('\n');
    t.equal(lines.length, 3, 'the header and two records');
    const report = page.waitForEvent('download');
    await page.getByRole('button', { name: 'Error report (CSV)' }).click();
    t.match(await textOf(await report), /^line,field,message,value\n3,role,/);

    await page.getByRole('link', { name: 'Import the corrected file' }).click();
    await page.getByText('Choose the corrected version of').waitFor();
    const mended = lines
      .join('\n')
      .replace(/,manager,/, ',editor,')
      .replace(/,reader,/, ',viewer,');
    await page.setInputFiles('#file', {
      name: 'rejected_people.csv',
      mimeType: 'text/csv',
      buffer: Buffer.from(mended),
    });
    await page.getByText('No problem').waitFor();
    await page.getByRole('button', { name: 'Import into users' }).click();
    await page.getByText('Everything is loaded').waitFor();

    await page.getByRole('link', { name: 'Jobs' }).click();
    const jobs = page.getByRole('region', { name: 'Imports' });
    for (const name of ['people.csv', 'rejected_people.csv'])
      await jobs.getByRole('link', { name, exact: true }).waitFor();
    await page.getByLabel('Status').selectOption('failed');
    await page.getByText('No imports like that').waitFor();
  });

  t.test('what was guessed can be corrected, and what cannot be used is said before it is sent', async (t) => {
    await begin();
    await page.setInputFiles('#file', { ...csv('things.csv'), buffer: Buffer.from('a;b\n1;2\n') });
    await page.getByText('The columns fit no resource').waitFor();
    t.ok(await page.getByRole('button', { name: 'Import' }).isDisabled());
    await page.getByLabel('Resource').selectOption('users');
    await page.getByText('id, email, name, role, created_at').waitFor();
    const indented = Buffer.from(JSON.stringify({ data: [1] }, null, 2));
    await page.setInputFiles('#file', { name: 'indented.json', mimeType: 'application/json', buffer: indented });
    await page.getByText('JSON is read as one array of objects').waitFor();
    const preview = page.getByRole('region', { name: 'First records of the file' });
    t.match(await preview.getByRole('row').nth(1).innerText(), /invalid JSON/);
    await page.setInputFiles('#file', { ...csv('nothing.csv'), buffer: Buffer.alloc(0) });
    await page.getByText('An import of this file would fail').waitFor();
  });

  t.test('a running import is cancelled', async (t) => {
    const letGo = await holdJobs(t, { sql });
    await begin();
    await page.setInputFiles('#file', csv('held.csv', user(10)));
    await page.getByRole('button', { name: 'Import into users' }).click();
    await page.getByRole('button', { name: 'Cancel the import' }).click();
    const question = page.getByRole('dialog');
    await question.getByText('stays loaded').waitFor();
    await question.getByRole('button', { name: 'Keep it running' }).click();
    t.equal(await page.getByRole('dialog').count(), 0);
    await page.getByRole('button', { name: 'Cancel the import' }).click();
    await question.getByRole('button', { name: 'Cancel the import' }).click();
    await page.locator('.title-line').getByText('Cancelled').waitFor();
    await page.locator('h1:focus').waitFor();
    await letGo();
  });

  t.test('records are exported: at once, and as a job', async (t) => {
    await begin('#/export');
    await page.getByLabel('Resource').selectOption('users');
    for (const column of ['name', 'active', 'created_at', 'updated_at'])
      await page.getByLabel(column, { exact: true }).uncheck();
    await page.getByRole('button', { name: 'Add a filter' }).click();
    await page.getByLabel('Field').selectOption('role');
    await page.getByLabel('Value').selectOption('editor');
    await page.getByLabel('Sorted by').selectOption('-email');
    await page.locator('.estimate').getByText('1 record', { exact: true }).waitFor();
    const saved = page.waitForEvent('download');
    await page.getByRole('link', { name: 'Download now' }).click();
    const file = await saved;
    t.equal(file.suggestedFilename(), 'users.csv');
    t.match(await textOf(file), /^id,email,role\n00000000-0000-4000-8000-000000000002,u2@example.com,editor\n$/);

    await page.getByRole('button', { name: 'Add a filter' }).click();
    await page.getByLabel('Field').last().selectOption('created_at');
    await page.getByLabel('Value').last().fill('yesterday');
    await page.getByText('The filter on created_at takes a date such as 2024-01-31, or a date and time').waitFor();
    t.equal(await page.getByRole('link', { name: 'Download now' }).count(), 0, 'nothing that would be refused');
    await page.getByLabel('Field').last().selectOption('role');
    await page.getByLabel('Value').last().selectOption('admin');
    await page.getByText('Two filters compare role in the same way: keep one of them').waitFor();
    await page.getByLabel('Comparison').last().selectOption('in');
    await page.getByLabel('Value').last().fill('admin, king');
    await page.getByText('The filter on role takes one of: admin, editor, viewer, each of several').waitFor();
    await page.getByLabel('At most').fill('0');
    await page.getByLabel('Value').last().fill('editor');
    await page.getByText('“At most” takes a whole number, 1 or more.').waitFor();
    await page.getByLabel('At most').fill('');
    await page.getByRole('button', { name: 'Remove filter 2' }).click();

    await page.getByRole('button', { name: 'Start a job' }).click();
    await page.getByRole('heading', { name: 'users.csv' }).waitFor();
    const made = page.waitForEvent('download');
    await page.getByRole('link', { name: 'Download' }).click();
    t.match(await textOf(await made), /^id,email,role\n/);
  });

  t.test('with the keyboard alone', async () => {
    await begin();
    const press = async (...keys: string[]) => {
      for (const key of keys) await page.keyboard.press(key);
    };
    /** Presses Tab until what has the focus is called so. */
    const tabTo = async (name: RegExp) => {
      for (let presses = 0; presses < 60; presses++) {
        await press('Tab');
        const focused = await page.evaluate(
          `(document.activeElement.labels?.[0] ?? document.activeElement).textContent.trim().replace(/\\s+/g, ' ')`,
        );
        if (name.test(String(focused))) return;
      }
      throw new Error(`no way to ${name} by Tab`);
    };
    await page.getByRole('heading', { name: 'Import a file' }).waitFor();
    await tabTo(/^Skip to the content$/);
    await press('Enter');
    await tabTo(/Choose a file$/);
    const chooser = page.waitForEvent('filechooser');
    await press('Space');
    await (await chooser).setFiles(csv('keys.csv', user(20), user(21, 'boss')));
    await page.getByText('of the first 2 records has a problem').waitFor();
    await tabTo(/^Import into users$/);
    await press('Enter');
    await page.getByText('1 record rejected').waitFor();
    // A new view begins at its heading.
    await page.locator('h1:focus', { hasText: /^keys\.csv$/ }).waitFor();
    await tabTo(/^3.*show examples/);
    await press('Enter');
    await page.getByText('Line 3, record 2').waitFor();
    await page.evaluate(`document.querySelector('h1').focus()`);
    await tabTo(/^Import the corrected file$/);
    await press('Enter');
    await page.getByText('Choose the corrected version of').waitFor();
    await page.locator('h1:focus').waitFor();
  });

  t.test('asks for a job where its events do not come through, and says how fast it goes', async () => {
    await begin();
    await page.route('**/events', async (route) => await route.fulfill({ status: 429, body: '{}' }));
    const id = await upload(url, 'users', 'asked.csv', new Blob([csv('asked.csv', user(30)).buffer]));
    await follow<{ status: string }>(`${url}/v1/imports/${id}`, ({ status }) => status === 'completed');
    let processed = 0;
    await page.route(`**/v1/imports/${id}`, async (route) => {
      const json = await (await route.fetch()).json();
      processed += 100;
      const goingOn = { status: 'processing', processed, bytes_processed: processed, bytes_total: 100_000 };
      await route.fulfill({ json: { ...json, ...goingOn, progress_pct: processed / 1000 } });
    });
    await page.goto(`${url}/#/imports/${id}`);
    await page.getByText(/^\d+ records\/s, about \d+ min \d+ s left$/).waitFor();
    await page.unroute(`**/v1/imports/${id}`);
    await page.getByText('Everything is loaded').waitFor();
  });

  t.test('an upload shows how far it is, and can be stopped', async (t) => {
    await begin();
    const network = await page.context().newCDPSession(page);
    const slow = { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput: 300_000 };
    await page.setInputFiles('#file', csv('sent.csv', user(31), 'x'.repeat(1_500_000)));
    const send = page.getByRole('button', { name: 'Import into users' });
    await send.waitFor();
    await network.send('Network.emulateNetworkConditions', slow);
    await send.click();
    const bar = page.getByRole('progressbar', { name: 'Upload' });
    await page.locator('[aria-label="Upload"][aria-valuenow]:not([aria-valuenow="0"])').waitFor();
    t.match(await page.getByRole('region', { name: 'Upload' }).innerText(), /Sending the file[\s\S]*kB of 1\.5 MB/);
    await page.getByRole('button', { name: 'Stop sending' }).click();
    await send.waitFor();
    t.equal(await bar.count(), 0);
    const { imports } = await (await page.request.get(`${url}/v1/imports?limit=1000`)).json();
    t.notOk(imports.some(({ file_name }: { file_name: string }) => file_name === 'sent.csv'));
  });

  t.test('jobs appear in the list as they come, in pages; a view that is left leaves no stream behind', async (t) => {
    const letGo = await holdJobs(t, { sql });
    const content = new Blob([csv('listed.csv', user(40)).buffer]);
    const ids: string[] = [];
    for (let n = 0; n < 25; n++) ids.push(await upload(url, 'users', `listed_${n}.csv`, content));
    await begin('#/jobs?resource=users');
    await page.getByRole('link', { name: 'listed_24.csv' }).waitFor();
    ids.push(await upload(url, 'users', 'listed_25.csv', content));
    await page.getByRole('link', { name: 'listed_25.csv' }).waitFor();
    const rows = page.getByRole('region', { name: 'Imports' }).locator('tbody tr');
    t.equal(await rows.count(), 25);
    await page.getByRole('link', { name: 'Older' }).click();
    await page.getByRole('link', { name: 'listed_0.csv' }).waitFor();
    await page.getByRole('link', { name: 'Newest' }).click();
    await page.getByRole('link', { name: 'listed_25.csv' }).waitFor();

    let open = 0;
    const isStream = (request: Request) => request.url().endsWith('/events');
    page.on('request', (request) => isStream(request) && open++);
    page.on('requestfailed', (request) => isStream(request) && open--);
    // More than a browser opens connections.
    for (const id of ids.slice(0, 8)) {
      await page.evaluate(`location.hash = '#/imports/${id}'`);
      await page.getByRole('button', { name: 'Cancel the import' }).waitFor();
      await page.evaluate(`location.hash = '#/jobs'`);
      await page.getByRole('link', { name: 'listed_25.csv' }).waitFor();
    }
    t.equal(open, 0);
    await letGo();
  });

  t.test('a stream on which nothing comes is given up', async (t) => {
    await begin();
    const seen = await page.evaluate(`(async () => {
      const { readEvents } = await import(document.querySelector('link[href$="/api/read-events.js"]').href);
      const seen = [];
      const body = new ReadableStream({
        start: (controller) => controller.enqueue(new TextEncoder().encode('id: 7\\ndata: {}\\n\\n')),
        cancel: () => void seen.push('given up'),
      });
      for await (const { id, data } of readEvents(body, 50)) seen.push(id + ' ' + data);
      return seen;
    })()`);
    t.same(seen, ['7 {}', 'given up']);
  });

  t.test('asks for an API key, and sends it with everything', async (t) => {
    const secret = 'ann-0123456789abcdef';
    const keyed = await startService(t, { ...env, API_KEYS: `ann:read+write:${secret}` });
    const { page, complaints } = await visit(t, browser, keyed.url);
    const dialog = page.getByRole('dialog', { name: 'API key' });
    await dialog.getByLabel('API key').fill(`${secret}\u200b`);
    await page.keyboard.press('Enter');
    await dialog.getByText('This cannot be a key').waitFor();
    t.equal(await page.evaluate('sessionStorage.length'), 0);
    await page.evaluate(`sessionStorage.setItem('bulk-api-key', '“${secret}”')`);
    await page.reload();
    await dialog.getByLabel('API key').fill('not-the-right-one-at-all');
    await page.keyboard.press('Enter');
    await dialog.getByText('does not know this key').waitFor();
    await dialog.getByRole('button', { name: 'Not now' }).click();
    await page.getByRole('link', { name: 'Jobs' }).click();
    await page.getByText('An API key is needed').waitFor();
    t.equal(await dialog.count(), 0, 'whoever does not want to be asked is not');
    await page.getByRole('button', { name: 'Enter the API key' }).click();
    await dialog.getByLabel('API key').fill(secret);
    await dialog.getByRole('button', { name: 'Use this key' }).click();
    await page.getByRole('region', { name: 'Imports' }).waitFor();
    await page.getByRole('link', { name: 'Import', exact: true }).click();

    const events = page.waitForRequest(/\/events$/);
    await page.setInputFiles('#file', csv('keyed.csv', user(60), user(61, 'boss')));
    await page.getByRole('button', { name: 'Import into users' }).click();
    await page.getByText('1 record rejected').waitFor();
    t.equal((await (await events).allHeaders()).authorization, `Bearer ${secret}`);
    const saved = page.waitForEvent('download');
    await page.getByRole('button', { name: 'Rejected records as sent' }).click();
    t.equal(await textOf(await saved), `${csvHeader}\n${user(61, 'boss')}\n`);
    await page.goto(`${keyed.url}/#/export`);
    const exported = page.waitForEvent('download');
    await page.getByRole('button', { name: 'Download now' }).click();
    t.match(await textOf(await exported), /^id,email,[\s\S]*u60@example.com/);
    t.equal(await page.evaluate('localStorage.length'), 0, 'kept in this tab alone');
    t.same(complaints, []);
  });

  t.test('says what to do while the service is away, and comes back by itself', async (t) => {
    await begin();
    const other = await visit(t, browser, `${url}/#/jobs`);
    const letGo = await holdJobs(t, { sql });
    await page.setInputFiles('#file', csv('held.csv', user(50)));
    await page.getByRole('button', { name: 'Import into users' }).click();
    await page.locator('.title-line').getByText('Running').waitFor();
    await other.page.getByRole('row', { name: /^held\.csv.*Running/ }).waitFor();
    await service.stop('SIGKILL');
    await page.getByText('The service does not answer').waitFor();
    await other.page.getByText('The service does not answer').waitFor();
    t.match(await page.locator('.banner').innerText(), /npm start/);
    const resumed = page.waitForRequest(
      (request) => /\/events$/.test(request.url()) && 'last-event-id' in request.headers(),
    );
    // A start looks at the table too.
    await letGo();
    await startService(t, { ...env, PORT: new URL(url).port });
    await resumed;
    await page.getByText('Everything is loaded').waitFor();
    await other.page.getByRole('row', { name: /^held\.csv.*Completed/ }).waitFor();
    await page.getByText('The service does not answer').waitFor({ state: 'detached' });
    t.same(other.complaints, []);
  });
});
