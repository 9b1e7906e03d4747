// Debian's Chromium, driven by playwright-core, which brings no browser of its own.
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { type Browser, chromium } from 'playwright-core';
import type { Test } from 'tap';

const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/bin'];

/** Where the browser is; null when this machine has none. */
export function findChromium(): string | null {
  return folders.map((folder) => join(folder, 'chromium')).find((path) => existsSync(path)) ?? null;
}

/** Why tests with a browser are skipped; false: they are not. In CI, which installs it, they fail rather than skip. */
export const withoutBrowser =
  findChromium() === null && !process.env.CI ? 'Chromium is not installed (.ci/install-tools)' : false;

/** Without any of the requests that a browser makes for itself. Closed when the test ends. @throws when there is none. */
export async function openBrowser(test: Pick<Test, 'after'>): Promise<Browser> {
  const executablePath = findChromium();
  if (executablePath === null) throw new Error('Chromium is not installed (.ci/install-tools)');
  const browser = await chromium.launch({
    executablePath,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
  test.after(async () => await browser.close());
  return browser;
}
