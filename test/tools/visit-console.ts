// A service with the console, and a browser's visits to it.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, BrowserContextOptions, Download, Page } from 'playwright-core';
import type { Test } from 'tap';
import type { Connection } from '../../db/client.ts';
import { createDatabase } from '../databases.ts';
import { environment } from '../environment.ts';
import { type ServiceProcess, startService } from '../service-process.ts';

export const csvHeader = 'id,email,name,role,created_at';

/** A record of users; a role that there is none of makes it a bad one. */
export const user = (n: number, role = 'viewer') =>
  `00000000-0000-4000-8000-${String(n).padStart(12, '0')},u${n}@example.com,User ${n},${role},2024-01-01T00:00:00Z`;

/** As a person's file. */
export const csv = (name: string, ...records: string[]) => ({
  name,
  mimeType: 'text/csv',
  buffer: Buffer.from(`${[csvHeader, ...records].join('\n')}\n`),
});

export interface Place {
  connection: Connection;
  env: Record<string, string>;
  service: ServiceProcess;
}

export async function startPlace(t: Pick<Test, 'after'>, extra: Record<string, string> = {}): Promise<Place> {
  const folder = await mkdtemp(join(tmpdir(), 'bulk-test-'));
  t.after(async () => await rm(folder, { recursive: true, force: true, maxRetries: 5 }));
  const connection = await createDatabase(t);
  const env = { ...environment(connection, folder), LOG_LEVEL: 'info', ...extra };
  return { connection, env, service: await startService(t, env) };
}

export async function textOf(download: Download): Promise<string> {
  return await readFile(await download.path(), 'utf8');
}

export interface Visit {
  page: Page;
  /** What the page did that it should not: errors, and files that its policy kept out. */
  complaints: string[];
}

export async function visit(
  t: Test,
  browser: Browser,
  url: string,
  options: BrowserContextOptions = {},
): Promise<Visit> {
  const context = await browser.newContext({
    viewport: { width: 1200, height: 900 },
    // Icons that turn, and are drawn by the processor alone, take it from what is tested.
    reducedMotion: 'reduce',
    ...options,
  });
  t.after(async () => await context.close());
  const page = await context.newPage();
  page.setDefaultTimeout(60_000);
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
    // Answers that are refusals are written to the console by the browser itself.
    if (message.type() === 'error' && !/Failed to load resource/.test(message.text())) complaints.push(message.text());
  });
  await page.goto(url);
  return { page, complaints };
}
