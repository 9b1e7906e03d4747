import { html } from 'htm/preact';
import { Notice } from '../../components/notice.js';

/**
 * @param {{ fields: string[], left: string[], onChange: (left: string[]) => void }} props left: those that are left out
 */
export function ColumnPicker({ fields, left, onChange }) {
  const toggle = (/** @type {string} */ field) =>
    onChange(left.includes(field) ? left.filter((name) => name !== field) : [...left, field]);
  return html`
    <fieldset>
      <legend>Columns</legend>
      <div class="checks">
        ${fields.map(
          (field) => html`
            <label class="check" key=${field}>
              <input type="checkbox" checked=${!left.includes(field)} onChange=${() => toggle(field)} />${field}
            </label>
          `,
        )}
        <button type="button" class="button button-quiet" onClick=${() => onChange(left.length === 0 ? fields : [])}>
          ${left.length === 0 ? 'None' : 'All'}
        </button>
      </div>
      ${left.length === fields.length && html`<${Notice} kind="warning"><p>Choose at least one column.</p><//>`}
    </fieldset>
  `;
}
