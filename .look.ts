import { mkdirSync } from 'node:fs';
import { startService } from './test/service-process.ts';
import { openBrowser } from './test/tools/browser.ts';

const afters: (() => Promise<void> | void)[] = [];
const test = { after: (f: any) => void afters.unshift(f) } as any;
try {
  mkdirSync('/tmp/console-look', { recursive: true });
  const s = await startService(test, { DATA_DIR: '/tmp/console-look-data', ...JSON.parse(process.env.XENV ?? '{}') });
  const b = await openBrowser(test);
  const ctx = await b.newContext({
    viewport: { width: Number(process.env.W ?? 1200), height: 800 },
    colorScheme: (process.env.SCHEME ?? 'light') as any,
  });
  const page = await ctx.newPage();
  page.on('console', (m) => console.log('console:', m.type(), m.text()));
  page.on('pageerror', (e) => console.log('pageerror:', e.message));
  page.on('response', (r) => r.status() >= 400 && console.log(r.status(), r.url()));
  await page.goto(s.url + '/');
  const steps = (await import('/tmp/steps.ts')).default;
  await steps(
    page,
    async (name: string, full = false) =>
      await page.screenshot({ path: `/tmp/console-look/${name}.png`, fullPage: full }),
    s,
  );
  console.log(s.errors.join('\n'));
} catch (e) {
  console.log(e);
  process.exitCode = 1;
} finally {
  for (const f of afters) await f();
}
