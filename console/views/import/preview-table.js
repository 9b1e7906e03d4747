import { html } from 'htm/preact';
import { Icon } from '../../components/icon.js';
import { TableRegion } from '../../components/table-region.js';

/** Longer cells are cut: the table is to be looked over. */
const shownCharacters = 60;

/**
 * @param {Pick<import('../../types.ts').Preview, 'columns' | 'records'> & { hasResource: boolean }} props hasResource: it
 *   is known which columns are of use
 */
export function PreviewTable({ columns, records, hasResource }) {
  return html`
    <${TableRegion} label="First records of the file">
      <table class="table preview">
        <thead>
          <tr>
            <th scope="col" class="number">Line</th>
            <th scope="col">Problems</th>
            ${columns.map(
              ({ name, field }, index) => html`
                <th scope="col" key=${index} class=${field === null ? 'ignored' : ''}>
                  ${name}${field === null && hasResource && html` <span class="column-note">left out</span>`}
                  ${field !== null && field !== name && html` <span class="column-note">${field}</span>`}
                </th>
              `,
            )}
          </tr>
        </thead>
        <tbody>
          ${records.map((record) => html`<${PreviewRow} key=${record.record} columns=${columns} record=${record} />`)}
        </tbody>
      </table>
    <//>
  `;
}

/**
 * @param {{ columns: import('../../types.ts').Preview['columns'], record: import('../../types.ts').Preview['records'][number] }} props
 */
function PreviewRow({ columns, record: { line, values, errors } }) {
  const wrong = new Set(errors.map(({ field }) => field));
  return html`
    <tr class=${errors.length > 0 ? 'rejected' : ''}>
      <th scope="row" class="number">${line}</th>
      <td class="problems">
        ${
          errors.length > 0 &&
          html`<ul>${errors.map(({ message }, index) => html`<li key=${index}><${Icon} name="alert" />${message}</li>`)}</ul>`
        }
      </td>
      ${columns.map(
        ({ name, field }, index) => html`
          <td key=${index} class=${field !== null && wrong.has(field) ? 'cell-wrong' : field === null ? 'ignored' : ''}>
            <${Cell} value=${Object.hasOwn(values, name) ? values[name] : undefined} />
          </td>
        `,
      )}
    </tr>
  `;
}

/** @param {{ value: unknown }} props */
function Cell({ value }) {
  if (value === null || value === undefined || value === '') return html`<span class="nothing">empty</span>`;
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text.length > shownCharacters
    ? html`<span title=${text.slice(0, 1000)}>${text.slice(0, shownCharacters)}…</span>`
    : text;
}
