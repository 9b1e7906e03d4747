import { html } from 'htm/preact';
import { FigureList } from '../../components/figure-list.js';
import { formatCount } from '../../state/figures.js';

/** @param {{ job: import('../../types.ts').Import }} props */
export function ImportFigures({ job: { processed, total_records, successful, failed, error_count, error_rate_pct } }) {
  const figures = [
    {
      label: 'Records read',
      value: formatCount(processed),
      note: total_records !== null && total_records !== processed ? `of ${formatCount(total_records)}` : '',
    },
    { label: 'Loaded', value: formatCount(successful), tone: successful > 0 ? 'good' : '' },
    {
      label: 'Rejected',
      value: formatCount(failed),
      note: failed > 0 ? `${error_rate_pct} %` : '',
      tone: failed > 0 ? 'bad' : '',
    },
    { label: 'Problems', value: formatCount(error_count) },
  ];
  return html`<${FigureList} figures=${figures} />`;
}
