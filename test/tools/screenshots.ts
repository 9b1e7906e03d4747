// Writes the pictures of the console that are in docs/: a service with an embedded PostgreSQL of its own, the sample files
// with errors, and a browser. `npm run screenshots`; look at them before they are committed.
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Page } from 'playwright-core';
import { startService } from '../service-process.ts';
import { openBrowser } from './browser.ts';

const root = new URL('../../', import.meta.url).pathname;
const target = join(root, 'docs/console');
const desktop = { width: 1200, height: 820 };
const phone = { width: 390, height: 844 };

const closing: (() => Promise<void>)[] = [];
/** Stands in for a test: what is opened is closed at the end, last first. */
const run = { after: (close: () => Promise<void>) => void closing.unshift(close) } as Parameters<typeof openBrowser>[0];

async function takeAll(): Promise<void> {
  await mkdir(target, { recursive: true });
  const folder = await mkdtemp(join(tmpdir(), 'bulk-screenshots-'));
  run.after(async () => await rm(folder, { recursive: true, force: true, maxRetries: 5 }));
  const service = await startService(run, { DATA_DIR: folder });
  const browser = await openBrowser(run);
  const context = await browser.newContext({ viewport: desktop });
  const page = await context.newPage();
  await page.goto(service.url);

  await choose(page, 'users_huge.csv');
  await take(page, 'preview');
  const job = await send(page, 'users');
  await page.locator('.disclosure').nth(1).click();
  await page.setViewportSize({ width: desktop.width, height: 1080 });
  await take(page, 'import');
  await page.setViewportSize(desktop);

  // Large enough to be seen at work.
  const large = join(folder, 'customers.csv');
  execFileSync(process.execPath, ['testdata/generate.ts', 'users', '400000', large, '--invalid', '0.02'], {
    cwd: root,
  });
  await show(page, '#/import', 'Drop a file here');
  await choose(page, large);
  await page.getByRole('button', { name: 'Import into users' }).click();
  await page.getByText('left').waitFor();
  await page.getByText('Problems by field').waitFor();
  await take(page, 'running');
  await page.getByText('records rejected').waitFor();

  await show(page, '#/import', 'Drop a file here');
  await choose(page, 'articles_huge.ndjson');
  await send(page, 'articles');
  await show(page, '#/export', 'Download now');
  await page.getByRole('button', { name: 'Add a filter' }).click();
  await page.getByLabel('Field').selectOption('role');
  await page.getByLabel('Value').selectOption('admin');
  await page.locator('.estimate strong').waitFor();
  await take(page, 'export');
  await show(page, '#/jobs', 'users_huge.csv');
  await take(page, 'jobs');

  await page.emulateMedia({ colorScheme: 'dark' });
  await page.setViewportSize({ width: desktop.width, height: 980 });
  await show(page, '#/overview', 'Figures as a table');
  await take(page, 'overview-dark');
  await page.setViewportSize(phone);
  await show(page, job, 'Problems by field');
  await take(page, 'import-phone-dark');
  await page.emulateMedia({ colorScheme: 'light' });
  await show(page, '#/import', 'Drop a file here');
  await choose(page, 'users_huge.csv');
  await take(page, 'preview-phone');
  await service.stop('SIGTERM');
  await page.getByText('The service does not answer').waitFor();
  await take(page, 'away-phone');
}

async function show(page: Page, address: string, ready: string): Promise<void> {
  await page.evaluate(`location.hash = ${JSON.stringify(address)}`);
  await page.getByText(ready).first().waitFor();
}

/** @param name of a file of testdata, or a path. */
async function choose(page: Page, name: string): Promise<void> {
  await page.setInputFiles('#file', resolve(root, 'testdata', name));
  await page.getByText('have problems').waitFor();
}

/** @returns the address of the import's view. */
async function send(page: Page, resource: string): Promise<string> {
  await page.getByRole('button', { name: `Import into ${resource}` }).click();
  await page.getByText('records rejected').waitFor();
  await page.getByText('Problems by field').waitFor();
  return new URL(page.url()).hash;
}

async function take(page: Page, name: string): Promise<void> {
  await page.mouse.move(0, 0);
  // Bars that grow have grown.
  await page.evaluate(
    'Promise.all(document.getAnimations().filter((one) => one.effect.getTiming().iterations === 1).map((one) => one.finished))',
  );
  await page.evaluate('document.fonts.ready.then(() => scrollTo(0, 0))');
  await page.screenshot({ path: join(target, `${name}.png`) });
}

try {
  await takeAll();
} finally {
  for (const close of closing) await close();
}
