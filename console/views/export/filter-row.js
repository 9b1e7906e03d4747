import { html } from 'htm/preact';
import { Icon } from '../../components/icon.js';
import { Select } from '../../components/select.js';

/** Types whose values have an order. */
const ordered = ['uuid', 'slug', 'text', 'timestamp'];

/** @type {Record<string, string>} */
const examples = {
  timestamp: '2024-01-31 or 2024-01-31T12:00:00Z',
  uuid: '00000000-0000-4000-8000-000000000000',
  email: 'name@example.com',
  'text[]': '["first","second"]',
};

/**
 * One condition: field, comparison, value.
 * @param {{
 *   number: number, fields: import('../../types.ts').Field[], filter: import('./selection.js').FilterChoice,
 *   onChange: (change: Partial<import('./selection.js').FilterChoice>) => void, onRemove: () => void,
 * }} props
 */
export function FilterRow({ number, fields, filter: { id, field, operator, value }, onChange, onRemove }) {
  const { type, values } = fields.find(({ name }) => name === field) ?? { type: 'text', values: undefined };
  const choices = operator === 'eq' ? (values ?? (type === 'boolean' ? ['true', 'false'] : null)) : null;
  return html`
    <div class="filter" role="group" aria-label="Filter ${number}">
      <${Select} hidden id="filter-field-${id}" label="Field" value=${field} options=${fields.map(({ name }) => name)}
        onChoose=${(/** @type {string} */ chosen) => onChange({ field: chosen, operator: 'eq', value: '' })} />
      <${Select} hidden id="filter-operator-${id}" label="Comparison" value=${operator} options=${comparisonsOf(type)}
        onChoose=${(/** @type {string} */ chosen) => onChange({ operator: chosen })} />
      ${
        choices
          ? html`<${Select} hidden id="filter-value-${id}" label="Value" value=${value}
              options=${[['', 'Choose…'], ...choices]} onChoose=${(/** @type {string} */ chosen) => onChange({ value: chosen })} />`
          : html`
              <div class="field">
                <label for="filter-value-${id}" class="visually-hidden">Value</label>
                <input id="filter-value-${id}" value=${value} spellcheck=${false} autocomplete="off"
                  placeholder=${operator === 'in' ? 'several, separated by commas' : (examples[type] ?? '')}
                  onInput=${(/** @type {any} */ event) => onChange({ value: event.currentTarget.value })} />
              </div>
            `
      }
      <button type="button" class="button button-quiet" onClick=${onRemove}>
        <${Icon} name="close" /><span class="visually-hidden">Remove filter ${number}</span>
      </button>
    </div>
  `;
}

/** @param {string} type of the field */
function comparisonsOf(type) {
  const time = type === 'timestamp';
  return [
    ['eq', 'is'],
    ...(type === 'text[]' ? [] : [['in', 'is one of']]),
    ...(ordered.includes(type)
      ? [
          ['gte', time ? 'from' : 'at least'],
          ['gt', time ? 'after' : 'more than'],
          ['lte', time ? 'up to' : 'at most'],
          ['lt', time ? 'before' : 'less than'],
        ]
      : []),
  ];
}
