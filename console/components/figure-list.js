import { html } from 'htm/preact';

/** @param {{ figures: { label: string, value: any, note?: any, tone?: string }[] }} props */
export function FigureList({ figures }) {
  return html`
    <dl class="figures">
      ${figures.map(
        ({ label, value, note, tone }) => html`
          <div key=${label}>
            <dt>${label}</dt>
            <dd class=${tone ?? ''}>${value}${note && html` <span class="hint">${note}</span>`}</dd>
          </div>
        `,
      )}
    </dl>
  `;
}
