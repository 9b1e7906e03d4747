import { html } from 'htm/preact';
import { useState } from 'preact/hooks';
import { Icon } from '../../components/icon.js';
import { formatCount } from '../../state/figures.js';

/** For codes whose message does not say by itself what to do. */
const advice = {
  duplicate: 'An earlier record of the file, or a row that is in the table already, has the same value.',
  reference: 'The record refers to one that is not there: import that first, or correct the id.',
  encoding: 'Save the file as UTF-8.',
  csv: 'Look for a quotation mark or a delimiter too many or too few.',
};

/**
 * A kind of problem, and on demand the lines where it was seen first.
 * @param {{ group: import('../../types.ts').ErrorGroups['groups'][number], share: number }} props
 */
export function ErrorGroupRows({ group: { field, code, message, count, examples }, share }) {
  const [open, setOpen] = useState(false);
  const [first, ...others] = examples.slice(0, 3).map(({ line }) => formatCount(line));
  const hint = advice[/** @type {keyof typeof advice} */ (code)];
  return html`
    <tbody class=${open ? 'group-open' : ''}>
      <tr>
        <th scope="row"><code>${field ?? 'record'}</code></th>
        <td>${message}</td>
        <td class="number">${formatCount(count)}</td>
        <td class="number narrow-hidden">${share < 0.001 ? '< 0.1' : (share * 100).toFixed(1)} %</td>
        <td>
          <button type="button" class="disclosure" aria-expanded=${open} onClick=${() => setOpen(!open)}>
            <${Icon} name="chevron" />${first}
            <span class="narrow-hidden">${others.map((line) => `, ${line}`).join('')}</span>
            ${count > examples.slice(0, 3).length && ' …'}
            <span class="visually-hidden">, show examples of ${field ?? 'record'}: ${message}</span>
          </button>
        </td>
      </tr>
      ${
        open &&
        html`
          <tr class="examples">
            <td colspan="5">
              <ul>
                ${examples.map(
                  ({ line, record, value }) => html`
                    <li key=${record}>
                      Line ${formatCount(line)}, record ${formatCount(record)}:
                      ${' '}${value === undefined || value === null || value === '' ? html`<span class="nothing">empty</span>` : html`<code>${value}</code>`}
                    </li>
                  `,
                )}
              </ul>
              ${hint && html`<p class="hint">${hint}</p>`}
            </td>
          </tr>
        `
      }
    </tbody>
  `;
}
