import { html } from 'htm/preact';
import { Age } from '../../components/age.js';
import { Failure } from '../../components/failure.js';
import { FigureList } from '../../components/figure-list.js';
import { Skeleton } from '../../components/skeleton.js';
import { countOf, formatCount } from '../../state/figures.js';
import { linkTo } from '../../state/route.js';
import { useQuery } from '../../state/use-query.js';
import { HealthChecks } from './health-checks.js';
import { ThroughputChart } from './throughput-chart.js';

const everyMs = 3_000;

/** What is in the tables, what is going on, and how the service does. */
export function OverviewView() {
  const { data, error } = useQuery('/v1/overview', { everyMs });
  const overview = /** @type {import('../../types.ts').Overview | null} */ (data);
  return html`
    <h1 tabindex="-1">Overview</h1>
    <${Failure} error=${error} title="The figures cannot be had" />
    ${!overview && !error && html`<section class="panel"><${Skeleton} lines=${8} /></section>`}
    ${
      overview &&
      html`
        <section class="panel" aria-labelledby="rows-title">
          <h2 id="rows-title">Rows</h2>
          <${FigureList} figures=${Object.entries(overview.resources).map(([label, { rows, estimated }]) => ({
            label,
            value: formatCount(rows),
            note: estimated ? 'about' : '',
          }))} />
        </section>
        <${ThroughputChart} intervals=${overview.throughput} />
        <section class="panel" aria-labelledby="queue-title">
          <h2 id="queue-title">Queue</h2>
          <dl class="pairs">
            ${['import', 'export'].map((type) => html`<${Queue} key=${type} type=${type} jobs=${overview.jobs[/** @type {'import'} */ (type)]} />`)}
          </dl>
        </section>
      `
    }
    <${HealthChecks} />
    ${
      overview &&
      html`<p class="hint">
        Version ${overview.version}, started
        ${' '}<${Age} time=${overview.started_at} />.
        <br />API: <a href="/docs">documentation</a>, <a href="/openapi.json">OpenAPI</a>.
      </p>`
    }
  `;
}

/** @param {{ type: string, jobs: { pending: number, processing: number } }} props */
function Queue({ type, jobs: { pending, processing } }) {
  return html`
    <div>
      <dt>${type === 'import' ? 'Imports' : 'Exports'}</dt>
      <dd>
        ${
          pending + processing === 0
            ? 'nothing to do'
            : html`<a href=${linkTo('jobs', { type: `${type}s` })}>${countOf(processing, 'running', 'running')}, ${countOf(pending, 'waiting', 'waiting')}</a>`
        }
      </dd>
    </div>
  `;
}
