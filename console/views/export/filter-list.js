import { html } from 'htm/preact';
import { Icon } from '../../components/icon.js';
import { FilterRow } from './filter-row.js';

let rows = 0;

/**
 * @param {{
 *   fields: import('../../types.ts').Field[], filters: import('./selection.js').FilterChoice[],
 *   onChange: (filters: import('./selection.js').FilterChoice[]) => void,
 * }} props
 */
export function FilterList({ fields, filters, onChange }) {
  // Whoever narrows down an export does so by a state more often than by an id.
  const likely = fields.find(({ type }) => type === 'enum') ?? fields[0];
  const add = () => onChange([...filters, { id: ++rows, field: likely?.name ?? '', operator: 'eq', value: '' }]);
  return html`
    <fieldset>
      <legend>Filters</legend>
      ${filters.length === 0 && html`<p class="hint">None: all records. Several must all hold.</p>`}
      ${filters.map(
        (filter, index) => html`
          <${FilterRow} key=${filter.id} number=${index + 1} fields=${fields} filter=${filter}
            onChange=${(/** @type {Partial<import('./selection.js').FilterChoice>} */ change) =>
              onChange(filters.map((other) => (other.id === filter.id ? { ...other, ...change } : other)))}
            onRemove=${() => onChange(filters.filter(({ id }) => id !== filter.id))} />
        `,
      )}
      <button type="button" class="button" onClick=${add}><${Icon} name="plus" />Add a filter</button>
    </fieldset>
  `;
}
