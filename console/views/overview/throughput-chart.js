import { html } from 'htm/preact';
import { TableRegion } from '../../components/table-region.js';
import { formatClock, formatSpeed } from '../../state/figures.js';

const intervalMs = 10_000;
const intervals = 60;
const height = 120;
const barWidth = 8;
const gap = 2;

/**
 * Records per second over the last ten minutes: a chart, and its figures as a table.
 * @param {{ intervals: import('../../types.ts').Overview['throughput'] }} props those of this process; quiet ones may be
 *   missing
 */
export function ThroughputChart({ intervals: known }) {
  const bars = fill(known);
  const most = Math.max(...bars.map(({ perSecond }) => perSecond));
  const busy = bars.filter(({ perSecond }) => perSecond > 0);
  return html`
    <section class="panel" aria-labelledby="throughput-title">
      <div class="panel-line">
        <h2 id="throughput-title">Records per second</h2>
        <p class="hint">last ten minutes${most > 0 ? `, at most ${formatSpeed(most)}` : ''}</p>
      </div>
      ${
        busy.length === 0
          ? html`<p class="hint chart-quiet">Nothing was moved in the last ten minutes.</p>`
          : html`
              <svg class="throughput" viewBox="0 0 ${intervals * (barWidth + gap)} ${height}" preserveAspectRatio="none"
                role="img" aria-label="Bar chart: at most ${formatSpeed(most)} records per second in the last ten minutes; the figures are in the table below">
                ${bars.map(({ at, perSecond }, index) => {
                  const tall = most > 0 ? Math.max(perSecond > 0 ? 2 : 1, (perSecond / most) * height) : 1;
                  return html`<rect key=${at} class=${perSecond > 0 ? 'throughput-bar' : 'throughput-base'} x=${index * (barWidth + gap)}
                    y=${height - tall} width=${barWidth} height=${tall} />`;
                })}
              </svg>
              <div class="chart-axis hint" aria-hidden="true"><span>10 min ago</span><span>now</span></div>
              <details>
                <summary>Figures as a table</summary>
                <${TableRegion} label="Figures of records per second">
                  <table class="table">
                    <thead><tr><th scope="col">Ten seconds to</th><th scope="col" class="number">Records/s</th></tr></thead>
                    <tbody>
                      ${busy
                        .toReversed()
                        .map(
                          ({ at, perSecond }) =>
                            html`<tr key=${at}><td>${formatClock(at)}</td><td class="number">${formatSpeed(perSecond)}</td></tr>`,
                        )}
                    </tbody>
                  </table>
                <//>
              </details>
            `
      }
    </section>
  `;
}

/**
 * @param {import('../../types.ts').Overview['throughput']} known
 * @returns {{ at: number, perSecond: number }[]} oldest first
 */
function fill(known) {
  const records = new Map(known.map(({ at, records }) => [Math.round(Date.parse(at) / intervalMs), records]));
  const last = Math.max(...records.keys(), Math.floor(Date.now() / intervalMs));
  return Array.from({ length: intervals }, (_, index) => {
    const interval = last - intervals + 1 + index;
    return { at: interval * intervalMs, perSecond: (records.get(interval) ?? 0) / (intervalMs / 1000) };
  });
}
