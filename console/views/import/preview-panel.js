import { html } from 'htm/preact';
import { Failure } from '../../components/failure.js';
import { Notice } from '../../components/notice.js';
import { Skeleton } from '../../components/skeleton.js';
import { countOf, formatCount } from '../../state/figures.js';
import { sentence } from '../../state/sentence.js';
import { PreviewTable } from './preview-table.js';

/** A file may have thousands of columns: of those that feed no field so many are named, and so many shown. */
const namedColumns = 8;
const shownIgnored = 20;

/**
 * The beginning of the file as the service reads it, and what is wrong with it.
 * @param {{ preview: import('../../types.ts').Preview | null, error: Error | null, hasResource: boolean }} props
 */
export function PreviewPanel({ preview, error, hasResource }) {
  if (error) return html`<${Failure} error=${error} title="The file cannot be previewed" />`;
  if (!preview) return html`<section class="panel"><${Skeleton} lines=${6} label="Reading the file" /></section>`;
  const { failure, missing_columns: missing, columns, records, checked, rejected } = preview;
  const ignored = columns.filter(({ field }) => field === null);
  const hidden = new Set(ignored.slice(shownIgnored));
  const shown = columns.filter((column) => !hidden.has(column));
  return html`
    <section class="panel" aria-labelledby="preview-title">
      <div class="panel-line">
        <h2 id="preview-title">Preview</h2>
        ${hasResource && html`<${Verdict} checked=${checked} rejected=${rejected} />`}
      </div>
      ${
        failure &&
        html`<${Notice} kind="error" title="An import of this file would fail">
          <p>${sentence(failure.detail)}${failure.line ? ` Line ${formatCount(failure.line)}.` : ''}</p>
        <//>`
      }
      ${
        !failure &&
        hasResource &&
        missing.length > 0 &&
        html`<${Notice} kind="error" title="Columns are missing">
          <p>${missing.join(', ')}. Is it the right resource? If so, add them to the file, or rename a column.</p>
        <//>`
      }
      ${
        !hasResource &&
        columns.length > 0 &&
        html`<${Notice} kind="warning">
          <p>The columns fit no resource by themselves. Choose one above to have the records checked.</p>
        <//>`
      }
      ${
        !hasResource &&
        columns.length === 0 &&
        records.length > 0 &&
        html`<${Notice} kind="warning">
          <p>The first records have no columns. JSON is read as one array of objects, or as one object on each line.</p>
        <//>`
      }
      ${
        hasResource &&
        ignored.length > 0 &&
        html`<p class="hint">Not a field of this resource, and left out: ${namesOf(ignored)}</p>`
      }
      ${records.length > 0 && html`<${PreviewTable} columns=${shown} records=${records} hasResource=${hasResource} />`}
      <p class="hint" hidden=${checked === 0}>
        ${records.length < checked ? `Shown: the first ${countOf(records.length, 'record')} of those checked. ` : ''}
        ${rejected > 0 && !records.some(({ errors }) => errors.length > 0) ? 'The problems are further on; the import lists them all. ' : ''}
        ${hidden.size > 0 ? `Not shown: ${countOf(hidden.size, 'column')} more that no field takes. ` : ''}
        Duplicates, and references to other tables, are looked up during the import.
      </p>
    </section>
  `;
}

/** @param {{ name: string }[]} columns */
function namesOf(columns) {
  const names = columns.slice(0, namedColumns).map(({ name }) => (name === '' ? '(no name)' : name));
  const more = columns.length - names.length;
  return `${names.join(', ')}${more > 0 ? ` and ${formatCount(more)} more` : ''}`;
}

/** @param {{ checked: number, rejected: number }} props */
function Verdict({ checked, rejected }) {
  const first = checked === 1 ? 'the only record' : `the first ${countOf(checked, 'record')}`;
  return html`
    <p role="status">
      ${
        checked === 0
          ? 'No record to check.'
          : rejected === 0
            ? html`<span class="good">No problem</span> in ${first}`
            : checked === 1
              ? html`<span class="bad">A problem</span> in ${first}`
              : html`<span class="bad">${formatCount(rejected)}</span> of ${first} ${rejected === 1 ? 'has a problem' : 'have problems'}`
      }
    </p>
  `;
}
