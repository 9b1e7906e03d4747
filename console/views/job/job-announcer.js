import { html } from 'htm/preact';
import { useEffect, useState } from 'preact/hooks';
import { statuses } from '../../components/status-badge.js';
import { countOf, formatCount } from '../../state/figures.js';

/**
 * Reads a job's steps out: its status, and every quarter of the way. Not every change of a figure.
 * @param {{ job: import('../../types.ts').Import }} props
 */
export function JobAnnouncer({ job: { status, progress_pct, successful, failed } }) {
  const quarter = Math.floor(progress_pct / 25) * 25;
  const [text, setText] = useState('');
  useEffect(() => {
    const { label } = statuses[status];
    if (status === 'processing') setText(`${label}, ${quarter} per cent`);
    else if (status === 'pending') setText(label);
    else setText(`${label}. ${countOf(successful, 'record')} loaded, ${formatCount(failed)} rejected.`);
  }, [status, quarter]);
  return html`<p class="visually-hidden" role="status">${text}</p>`;
}
