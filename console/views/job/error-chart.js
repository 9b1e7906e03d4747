import { html } from 'htm/preact';
import { formatCount } from '../../state/figures.js';

/** Fewer than this in one field, and the chart would say nothing that the table does not. */
const leastFields = 2;
/** More of them, and the rest is one bar. */
const mostFields = 12;

/**
 * How many problems each field has. A picture for those who see it; the table under it has the same figures.
 * @param {{ groups: import('../../types.ts').ErrorGroups['groups'] }} props
 */
export function ErrorChart({ groups }) {
  /** @type {Map<string, number>} */
  const counts = new Map();
  for (const { field, count } of groups) counts.set(field ?? 'record', (counts.get(field ?? 'record') ?? 0) + count);
  if (counts.size < leastFields) return null;
  const sorted = [...counts].sort(([, a], [, b]) => b - a);
  const rest = sorted.slice(mostFields);
  const fields = sorted.slice(0, mostFields);
  if (rest.length > 0) fields.push([`${rest.length} others`, rest.reduce((sum, [, count]) => sum + count, 0)]);
  const most = Math.max(...fields.map(([, count]) => count));
  const spoken = fields.map(([field, count]) => `${field} ${formatCount(count)}`).join(', ');
  return html`
    <figure class="bars">
      <figcaption>Problems by field</figcaption>
      <div role="img" aria-label="Bar chart of problems by field: ${spoken}">
        ${fields.map(
          ([field, count]) => html`
            <div class="bars-row" key=${field}>
              <span class="bars-label">${field}</span>
              <span class="bars-track"><span class="bars-fill" style=${{ width: `${(count / most) * 100}%` }}></span></span>
              <span class="bars-count">${formatCount(count)}</span>
            </div>
          `,
        )}
      </div>
    </figure>
  `;
}
