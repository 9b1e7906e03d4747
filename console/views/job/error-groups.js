import { html } from 'htm/preact';
import { useState } from 'preact/hooks';
import { Failure } from '../../components/failure.js';
import { Skeleton } from '../../components/skeleton.js';
import { TableRegion } from '../../components/table-region.js';
import { countOf, formatCount } from '../../state/figures.js';
import { useQuery } from '../../state/use-query.js';
import { ErrorChart } from './error-chart.js';
import { ErrorGroupRows } from './error-group-rows.js';

const whileRunningMs = 3_000;
/** Kinds that are shown at first: the commonest. */
const shownGroups = 20;

/**
 * What was wrong with the records: by field and code, as a chart and as a table with example lines.
 * @param {{ path: string, errorCount: number, ended: boolean }} props path of the import
 */
export function ErrorGroups({ path, errorCount, ended }) {
  // Another pace asks once more: the last groups came with the last chunks.
  const { data, error } = useQuery(`${path}/errors/groups`, { everyMs: ended ? 0 : whileRunningMs });
  const { groups, truncated } = /** @type {import('../../types.ts').ErrorGroups | null} */ (data) ?? {};
  const [all, setAll] = useState(false);
  return html`
    <section class="panel" aria-labelledby="errors-title">
      <div class="panel-line">
        <h2 id="errors-title">What was wrong</h2>
        <p class="hint">
          ${countOf(errorCount, 'problem')}${groups ? ` of ${truncated ? 'more than ' : ''}${countOf(groups.length, 'kind')}` : ''}
        </p>
      </div>
      <${Failure} error=${error} title="The problems cannot be shown" />
      ${!groups && !error && html`<${Skeleton} lines=${6} />`}
      ${
        groups &&
        groups.length > 0 &&
        html`
          <${ErrorChart} groups=${groups} />
          <${TableRegion} label="Problems by field and kind">
            <table class="table">
              <thead>
                <tr>
                  <th scope="col">Field</th>
                  <th scope="col">Problem</th>
                  <th scope="col" class="number">Count</th>
                  <th scope="col" class="number narrow-hidden">Share</th>
                  <th scope="col">Lines</th>
                </tr>
              </thead>
              ${groups.slice(0, all ? groups.length : shownGroups).map(
                (group) => html`<${ErrorGroupRows} key=${`${group.field} ${group.code} ${group.message}`} group=${group}
                  share=${errorCount > 0 ? group.count / errorCount : 0} />`,
              )}
            </table>
          <//>
          ${
            groups.length > shownGroups &&
            !all &&
            html`<div class="actions">
              <button type="button" class="button" onClick=${() => setAll(true)}>Show ${truncated ? 'the first' : 'all'} ${countOf(groups.length, 'kind')}</button>
            </div>`
          }
          ${
            ended &&
            html`<p class="hint">
              Every problem of every record, ${formatCount(errorCount)} in all, is in the error report${truncated ? '; these are the commonest kinds' : ''}.
            </p>`
          }
        `
      }
    </section>
  `;
}
