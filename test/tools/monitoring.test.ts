// deploy/: what promtool says of it, and what a real Prometheus that scrapes a real service makes of the rules and of every
// expression of the dashboard. Needs prometheus and promtool: skipped where they are missing, except in CI.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import t from 'tap';
import { parse } from 'yaml';
import { build } from '../build.ts';
import { createDatabase } from '../databases.ts';
import { environment } from '../environment.ts';
import { startService } from '../service-process.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { copyDeployed, deployed, startPrometheus } from './prometheus.ts';

const isMissing = ['promtool', 'prometheus'].some((program) => spawnSync(program, ['--version']).error);
const skip = isMissing && !process.env.CI ? 'prometheus and promtool are not installed (.ci/install-tools)' : false;
const secret = '0123456789abcdef';

interface Rule {
  alert: string;
  expr: string;
  labels: { severity: string };
  annotations: { summary: string; description: string };
}

const rules: Rule[] = parse(readFileSync(join(deployed, 'alerts.yml'), 'utf8')).groups.flatMap(
  (group: { rules: Rule[] }) => group.rules,
);

interface Panel {
  id: number;
  type: string;
  title: string;
  description?: string;
  datasource?: { uid: string };
  gridPos: { x: number; y: number; w: number; h: number };
  targets?: { expr: string; refId: string }[];
}

const dashboard: {
  uid: string;
  panels: Panel[];
  templating: { list: { name: string; definition?: string }[] };
  annotations: { list: { expr: string }[] };
} = JSON.parse(readFileSync(new URL('../../deploy/grafana/dashboards/bulk.json', import.meta.url), 'utf8'));

/** An expression of the dashboard with its variables filled in as Grafana would. */
const filledIn = (expression: string) =>
  expression.replaceAll('$__rate_interval', '10s').replaceAll('$job', 'bulk').replaceAll('$instance', '.*');

const expressions = [
  ...dashboard.panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr)),
  ...dashboard.annotations.list.map(({ expr }) => expr),
].map(filledIn);

function promtool(args: string[], input = ''): { status: number | null; said: string } {
  const { status, stdout, stderr } = spawnSync('promtool', args, { input, encoding: 'utf8' });
  return { status, said: stdout + stderr };
}

t.test('promtool accepts configuration and rules, and every alert fires in its test', { skip }, async (t) => {
  const folder = await copyDeployed(t, secret);
  const file = (name: string) => join(folder, name);
  t.match(promtool(['check', 'config', file('prometheus.yml')]), { status: 0 });
  t.match(promtool(['check', 'rules', file('alerts.yml')]), { status: 0, said: `${rules.length} rules found` });
  t.match(promtool(['test', 'rules', file('alerts.test.yml')]), { status: 0 });
  const tests = readFileSync(join(deployed, 'alerts.test.yml'), 'utf8');
  for (const { alert } of rules) t.match(tests, `ALERTS{alertname="${alert}"`, `${alert} has a test`);
});

t.test('every alert says how bad it is, what happens, and what to do', async (t) => {
  t.equal(new Set(rules.map(({ alert }) => alert)).size, rules.length);
  for (const { alert, labels, annotations } of rules) {
    t.match(labels.severity, /^(critical|warning|info)$/, alert);
    t.match(alert, /^Bulk/, 'by its name the dashboard finds it');
    t.ok(annotations.summary.length > 20 && annotations.description.length > 60, alert);
  }
});

t.test('the dashboard is one: panels that do not overlap, each with a unique id and a description', async (t) => {
  const ids = dashboard.panels.map(({ id }) => id);
  t.equal(new Set(ids).size, ids.length);
  const taken = new Set<string>();
  for (const { type, title, description, gridPos, targets = [], datasource } of dashboard.panels) {
    for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
      for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
        t.notOk(taken.has(`${x},${y}`) || x >= 24, `${title} at ${x},${y}`);
        taken.add(`${x},${y}`);
      }
    }
    if (type === 'row') continue;
    t.ok(description && targets.length > 0, title);
    // biome-ignore lint/suspicious/noTemplateCurlyInString: Grafana's own
    t.equal(datasource?.uid, '${datasource}', title);
    t.equal(new Set(targets.map(({ refId }) => refId)).size, targets.length);
  }
  t.same(
    dashboard.templating.list.map(({ name }) => name),
    ['datasource', 'job', 'instance'],
  );
});

t.test('a service without keys does not mind the one of the default file', async (t) => {
  const app = await build(t);
  const key = readFileSync(join(deployed, 'no-key'), 'utf8').trim();
  const headers = { accept: 'text/plain', authorization: `Bearer ${key}` };
  t.equal((await app.inject({ url: '/metrics', headers })).statusCode, 200);
});

t.test('a real Prometheus scrapes a service with keys and evaluates all rules and panels', { skip }, async (t) => {
  const connection = await createDatabase(t);
  const env = environment(connection, await temporaryFolder(t));
  const keys = `prometheus:read:${secret},office:read+write:fedcba9876543210`;
  const service = await startService(t, { ...env, LOG_LEVEL: 'info', API_KEYS: keys });
  const prometheus = await startPrometheus(t, { target: new URL(service.url).host, key: secret });

  interface Sample {
    metric: Record<string, string>;
    value: [at: number, value: string];
  }
  const query = async (expression: string) =>
    (await prometheus.ask<{ result: Sample[] }>('query', { query: expression })).result;
  const until = async (expression: string) => {
    while ((await query(expression)).length === 0) await pause(100);
  };
  await until('up{job="bulk"} == 1');
  await work(service.url, 'fedcba9876543210');
  // As many scrapes after it as a rate needs.
  await until('bulk_jobs_ended_total{type="export",state="completed"} > 0');
  await until('count_over_time(bulk_jobs_ended_total{type="export",state="completed"}[1m]) > 3');
  await work(service.url, 'fedcba9876543210');
  await until('sum(increase(http_request_duration_seconds_count{route="/v1/imports/:job_id"}[10s])) > 0');
  await until('bulk_task_last_success_timestamp_seconds{task="sweep"}');

  const known = new Set(await prometheus.ask<string[]>('label/__name__/values'));
  for (const expression of [...expressions, ...rules.map(({ expr }) => expr)]) {
    for (const [name] of expression.matchAll(/\b(?:bulk|http|process|nodejs)_\w+|\bup\b/g)) {
      t.ok(known.has(name), `${name} of ${expression}`);
    }
    await t.resolves(query(expression), expression);
  }
  for (const expression of expressions.filter((expression) => !expression.startsWith('ALERTS'))) {
    t.not((await query(expression)).length, 0, `${expression} has data`);
  }

  const groups = await prometheus.ask<{ groups: { rules: { name: string; health: string; state: string }[] }[] }>(
    'rules',
  );
  const evaluated = groups.groups.flatMap((group) => group.rules);
  t.equal(evaluated.length, rules.length);
  for (const { name, health, state } of evaluated) {
    t.equal(health, 'ok', name);
    t.not(state, 'firing', name);
  }

  const headers = { accept: 'text/plain', 'x-api-key': secret };
  const text = await (await fetch(`${service.url}/metrics`, { headers })).text();
  // A linter of names, units and types; what Node and V8 give as gauges in prom-client is not ours to name.
  const { said } = promtool(['check', 'metrics'], text);
  t.same(
    said.split('\n').filter((line) => line !== '' && !/^nodejs_/.test(line)),
    [],
  );
});

/** An import with a rejected record, an export job, a streamed export, a request that is refused. */
async function work(url: string, key: string): Promise<void> {
  const headers = { 'x-api-key': key };
  const ask = async <T>(path: string, init: RequestInit = {}) => {
    const answer = await fetch(url + path, { ...init, headers: { ...headers, ...init.headers } });
    return (await answer.json()) as T;
  };
  const end = async (type: string, { job_id }: { job_id: string }) => {
    for (let status = ''; !/completed|failed/.test(status); await pause(20)) {
      ({ status } = await ask<{ status: string }>(`/v1/${type}/${job_id}`));
    }
  };
  const body = new FormData();
  body.set('resource', 'users');
  body.set('file', new Blob(['id,email,name,role,created_at\n,x@example.com,X,admin,2024-01-01T00:00:00Z\n']), 'u.csv');
  await end('imports', await ask('/v1/imports', { method: 'POST', body }));
  const asked = { method: 'POST', body: JSON.stringify({ resource: 'users' }) };
  await end('exports', await ask('/v1/exports', { ...asked, headers: { 'content-type': 'application/json' } }));
  await fetch(`${url}/v1/exports?resource=users`, { headers }).then((answer) => answer.arrayBuffer());
  await ask('/v1/imports/unknown');
}
