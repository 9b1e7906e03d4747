// The page at /docs in a browser: it shows the API, sends a request, breaks none of its own rules (Content-Security-
// Policy), and asks nobody but the service.
import t from 'tap';
import { build } from '../build.ts';
import { listen } from '../client.ts';
import { openBrowser, withoutBrowser } from './browser.ts';

t.test('the API is read and tried out at /docs', { skip: withoutBrowser }, async (t) => {
  const app = await build(t);
  const { origin } = await listen(app);
  const { paths } = (await app.inject('/openapi.json')).json<{ paths: Record<string, object> }>();
  const operations = Object.values(paths).flatMap((methods) => Object.keys(methods));
  const browser = await openBrowser(t);
  const page = await browser.newPage();
  const said: string[] = [];
  const asked: string[] = [];
  page.on('console', (message) => said.push(message.text()));
  page.on('pageerror', (error) => said.push(error.message));
  page.on('request', (request) => asked.push(request.url()));

  for (const path of ['/docs', '/docs/']) {
    await page.goto(`${origin}${path}`);
    await page.getByText('/v1/imports/{job_id}/errors/groups').first().waitFor();
    t.equal(await page.locator('.opblock').count(), operations.length, path);
  }
  t.equal(await page.title(), 'Bulk Import/Export API');

  await page.locator('#operations-Service-getMetrics').click();
  await page.getByRole('button', { name: 'Execute' }).click();
  await page.locator('.live-responses-table').getByText('"users"').first().waitFor();

  t.same(said, [], 'neither errors nor refusals');
  const elsewhere = asked.filter((url) => new URL(url).protocol !== 'data:' && new URL(url).origin !== origin);
  t.same(elsewhere, [], 'nothing from elsewhere');
  t.ok(asked.includes(`${origin}/metrics`));
});
