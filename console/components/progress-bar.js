import { html } from 'htm/preact';

/**
 * @param {{ label: string, percent: number | null, tone?: 'accent' | 'good' | 'bad' | 'calm' }} props percent null: going
 *   on, but nobody knows how far
 */
export function ProgressBar({ label, percent, tone = 'accent' }) {
  const known = percent === null ? {} : { 'aria-valuenow': Math.round(percent), 'aria-valuetext': `${percent} %` };
  return html`
    <div class="bar bar-${tone} ${percent === null ? 'bar-unknown' : ''}" role="progressbar" aria-label=${label}
      aria-valuemin="0" aria-valuemax="100" ...${known}>
      <div class="bar-fill" style=${{ width: `${percent ?? 100}%` }}></div>
    </div>
  `;
}
