// What to take out, and how: at once as a download, or as a job whose file is kept for a while.
import { html } from 'htm/preact';
import { useEffect, useState } from 'preact/hooks';
import { postJson } from '../../api/request.js';
import { DownloadLink } from '../../components/download-link.js';
import { Failure } from '../../components/failure.js';
import { Icon } from '../../components/icon.js';
import { Select } from '../../components/select.js';
import { Skeleton } from '../../components/skeleton.js';
import { go } from '../../state/route.js';
import { useResources } from '../../state/use-resources.js';
import { ColumnPicker } from './column-picker.js';
import { Estimate, useEstimate } from './estimate.js';
import { explainRefusal } from './explain-refusal.js';
import { FilterList } from './filter-list.js';
import { jobRequestOf, queryOf } from './selection.js';

/** @type {import('./selection.js').ExportChoices} */
const nothingChosen = { format: 'csv', left: [], filters: [], sort: '', limit: '', gzip: false };

/** @param {{ query: { resource?: string } }} props */
export function ExportView({ query: asked }) {
  const { resources, formats, error } = useResources();
  const [name, setName] = useState(asked.resource ?? '');
  const [choices, setChoices] = useState(nothingChosen);
  const [failure, setFailure] = useState(/** @type {Error | null} */ (null));
  const resource = resources.find((known) => known.name === name) ?? resources[0];
  const fields = (resource?.fields ?? []).map((field) => field.name);
  const noColumns = choices.left.length === fields.length;
  const query = resource && !noColumns ? queryOf(resource.name, fields, choices) : null;
  const estimate = useEstimate(query);
  // What another choice was refused for is no longer of interest.
  useEffect(() => setFailure(null), [choices, name]);

  if (!resource) {
    return html`
      <h1 tabindex="-1">Export</h1>
      <${Failure} error=${error} title="The resources cannot be listed" />
      ${!error && html`<section class="panel"><${Skeleton} lines=${8} /></section>`}
    `;
  }
  const change = (/** @type {Partial<import('./selection.js').ExportChoices>} */ part) =>
    setChoices({ ...choices, ...part });
  const start = async () => {
    setFailure(null);
    try {
      const { job_id } = await postJson('/v1/exports', jobRequestOf(resource.name, fields, choices));
      go(`exports/${job_id}`);
    } catch (problem) {
      setFailure(/** @type {Error} */ (problem));
    }
  };
  return html`
    <h1 tabindex="-1">Export</h1>
    <p class="lead">One consistent snapshot of the table, whatever its size.</p>
    <form class="panel export" onSubmit=${(/** @type {Event} */ event) => event.preventDefault()}>
      <div class="options">
        <${Select} id="export-resource" label="Resource" value=${resource.name} options=${resources.map((known) => known.name)}
          onChoose=${(/** @type {string} */ chosen) => {
            setName(chosen);
            // Columns and filters are of the resource.
            change({ left: [], filters: [], sort: '' });
          }} />
        <${Select} id="export-format" label="Format" value=${choices.format}
          options=${formats.map((format) => [format.name, format.name.toUpperCase()])}
          onChoose=${(/** @type {string} */ format) => change({ format })} />
        <${Select} id="export-sort" label="Sorted by" value=${choices.sort} onChoose=${(/** @type {string} */ sort) => change({ sort })}
          options=${[
            ['', 'As stored (fastest)'],
            ...fields.flatMap((field) => [
              [field, `${field}, ascending`],
              [`-${field}`, `${field}, descending`],
            ]),
          ]} />
        <div class="field">
          <label for="export-limit">At most</label>
          <input id="export-limit" type="number" min="1" step="1" inputmode="numeric" placeholder="all records"
            value=${choices.limit} onInput=${(/** @type {any} */ event) => change({ limit: event.currentTarget.value })} />
        </div>
      </div>
      <${ColumnPicker} fields=${fields} left=${choices.left} onChange=${(/** @type {string[]} */ left) => change({ left })} />
      <${FilterList} fields=${resource.fields} filters=${choices.filters}
        onChange=${(/** @type {import('./selection.js').FilterChoice[]} */ filters) => change({ filters })} />
      ${query !== null && html`<${Estimate} estimate=${estimate.estimate} ...${explainRefusal(estimate.error, resource.fields, choices.filters)} />`}
      <${Failure} acted error=${failure} title="The export cannot be made" />
      ${
        query !== null &&
        !estimate.refused &&
        html`
          <div class="actions">
            <${DownloadLink} primary path="/v1/exports?${query}" onFailure=${setFailure}
              name="${resource.name}.${choices.format}">Download now<//>
            <button type="button" class="button" onClick=${start}><${Icon} name="clock" />Start a job</button>
            <label class="check">
              <input type="checkbox" checked=${choices.gzip} onChange=${(/** @type {any} */ event) => change({ gzip: event.currentTarget.checked })} />
              Compress the job’s file
            </label>
          </div>
          <p class="hint">A job’s file is made in the background, kept for a while, and its download can be resumed.</p>
        `
      }
    </form>
  `;
}
