// The jobs, newest first, live. The address says what is shown, so that it can be kept and sent.
import { html } from 'htm/preact';
import { hasEnded } from '../../api/follow-job.js';
import { EmptyState } from '../../components/empty-state.js';
import { Failure } from '../../components/failure.js';
import { Select } from '../../components/select.js';
import { Skeleton } from '../../components/skeleton.js';
import { statuses } from '../../components/status-badge.js';
import { go, linkTo } from '../../state/route.js';
import { useQuery } from '../../state/use-query.js';
import { useResources } from '../../state/use-resources.js';
import { JobTable } from './job-table.js';

const pageSize = 25;
const busyMs = 1_500;
const idleMs = 5_000;

/** @typedef {{ type?: string, status?: string, resource?: string, after?: string }} JobsQuery after: `next` of the page before */

/** @param {{ query: JobsQuery }} props */
export function JobsView({ query }) {
  const type = query.type === 'exports' ? 'exports' : 'imports';
  const { status = '', resource = '', after = '' } = query;
  const { resources } = useResources();
  const search = new URLSearchParams({
    limit: String(pageSize),
    ...(status && { status }),
    ...(resource && { resource }),
    ...(after && { after }),
  });
  const { data, error } = useQuery(`/v1/${type}?${search}`, { everyMs: paceOf });
  const jobs = data && (type === 'imports' ? data.imports : data.exports);
  const narrow = (/** @type {JobsQuery} */ change) => go('jobs', { type, status, resource, ...change });

  return html`
    <h1 tabindex="-1">Jobs</h1>
    <div class="toolbar">
      <nav class="tabs" aria-label="Kind of job">
        ${['imports', 'exports'].map(
          (name) => html`
            <a key=${name} href=${linkTo('jobs', { type: name, status, resource })} aria-current=${name === type ? 'page' : undefined}>
              ${name === 'imports' ? 'Imports' : 'Exports'}
            </a>
          `,
        )}
      </nav>
      <${Select} id="status" label="Status" value=${status} onChoose=${(/** @type {string} */ chosen) => narrow({ status: chosen })}
        options=${[['', 'Any'], ...Object.entries(statuses).map(([name, { label }]) => [name, label])]} />
      <${Select} id="job-resource" label="Resource" value=${resource} onChoose=${(/** @type {string} */ chosen) => narrow({ resource: chosen })}
        options=${[['', 'Any'], ...resources.map(({ name }) => name)]} />
    </div>
    <${Failure} error=${error} title="The jobs cannot be listed" />
    ${!jobs && !error && html`<section class="panel"><${Skeleton} lines=${8} /></section>`}
    ${jobs?.length === 0 && html`<${NoJobs} type=${type} filtered=${status !== '' || resource !== '' || after !== ''} />`}
    ${jobs?.length > 0 && html`<${JobTable} type=${type} jobs=${jobs} />`}
    ${
      (after || data?.next) &&
      html`
        <nav class="actions" aria-label="Pages">
          ${after && html`<a class="button" href=${linkTo('jobs', { type, status, resource })}>Newest</a>`}
          ${data?.next && html`<a class="button" href=${linkTo('jobs', { type, status, resource, after: data.next })}>Older</a>`}
        </nav>
      `
    }
  `;
}

/** @param {any} page of jobs */
function paceOf({ imports, exports }) {
  return (imports ?? exports).every(hasEnded) ? idleMs : busyMs;
}

/** @param {{ type: string, filtered: boolean }} props */
function NoJobs({ type, filtered }) {
  if (filtered) {
    return html`<${EmptyState} icon="list" title="No ${type} like that">
      <p><a href=${linkTo('jobs', { type })}>Show all ${type}</a></p>
    <//>`;
  }
  return type === 'imports'
    ? html`<${EmptyState} icon="upload" title="No imports yet"><p><a href=${linkTo('import')}>Import a file</a></p><//>`
    : html`<${EmptyState} icon="download" title="No export jobs yet"><p><a href=${linkTo('export')}>Export something</a></p><//>`;
}
