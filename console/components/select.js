import { html } from 'htm/preact';

/**
 * A labelled choice.
 * @param {{
 *   id: string, label: string, value: string, hint?: any, hidden?: boolean,
 *   options: readonly (string | readonly [value: string, text: string])[],
 *   onChoose: (value: string) => void,
 * }} props hidden: the label is for screen readers alone
 */
export function Select({ id, label, value, hint, hidden, options, onChoose }) {
  return html`
    <div class="field">
      <label for=${id} class=${hidden ? 'visually-hidden' : ''}>${label}</label>
      <select id=${id} value=${value} aria-describedby=${hint ? `${id}-hint` : undefined}
        onChange=${(/** @type {any} */ event) => onChoose(event.currentTarget.value)}>
        ${options.map((option) => {
          const [key, text] = typeof option === 'string' ? [option, option] : option;
          return html`<option key=${key} value=${key} selected=${key === value}>${text}</option>`;
        })}
      </select>
      ${hint && html`<p class="hint" id="${id}-hint">${hint}</p>`}
    </div>
  `;
}
