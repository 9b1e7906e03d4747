// One line that shows how far something is, as wide as the terminal lets it be.
import type { Export, ImportState } from '../client/index.ts';
import { bytes, count, duration } from './plain-text.ts';

const barCells = 24;

/** @param share 0 to 1; null when the end is not known. */
export function progressLine(name: string, share: number | null, figures: string[], columns: number): string {
  const bar = share === null ? '' : `${drawBar(share)} ${String(Math.floor(share * 100)).padStart(3)} %`;
  const line = [name, bar, figures.filter(Boolean).join(' · ')].filter(Boolean).join('  ');
  return line.length < columns ? line : `${line.slice(0, Math.max(columns - 2, 1))}…`;
}

function drawBar(share: number): string {
  const full = Math.round(Math.min(Math.max(share, 0), 1) * barCells);
  return '█'.repeat(full) + '░'.repeat(barCells - full);
}

/** Of bytes on their way. @param rate bytes a second. */
export function transferLine(
  name: string,
  verb: 'sent' | 'received',
  done: number,
  total: number | null,
  rate: number,
  columns: number,
): string {
  const figures = [
    `${bytes(done)}${total === null ? '' : ` of ${bytes(total)}`} ${verb}`,
    `${bytes(Math.round(rate))}/s`,
  ];
  if (total !== null && rate > 0) figures.push(`${duration(((total - done) / rate) * 1000)} left`);
  return progressLine(name, total === null ? null : total === 0 ? 1 : done / total, figures, columns);
}

export function importLine(name: string, state: ImportState, columns: number): string {
  if (state.status === 'pending') {
    const waiting = state.waiting_for ? `waits for ${state.waiting_for.length} other import(s)` : 'waits for its turn';
    return progressLine(name, 0, [waiting], columns);
  }
  const { processed, failed, rows_per_sec, progress_pct, status } = state;
  const figures = [
    `${count(processed)} records`,
    rows_per_sec === null ? '' : `${count(rows_per_sec)}/s`,
    failed > 0 ? `${count(failed)} rejected` : '',
    status === 'processing' ? timeLeft(state) : status,
  ];
  return progressLine(name, progress_pct / 100, figures, columns);
}

/** By bytes: they are known from the start, the number of records is not. */
function timeLeft({ duration_ms, bytes_processed, bytes_total }: ImportState): string {
  if (duration_ms === null || bytes_processed === 0 || bytes_total <= bytes_processed) return '';
  return `${duration((duration_ms * (bytes_total - bytes_processed)) / bytes_processed)} left`;
}

export function exportLine(name: string, state: Export, columns: number): string {
  const done = state.status === 'completed' ? 1 : null;
  return progressLine(name, done, [state.status, state.bytes > 0 ? bytes(state.bytes) : ''], columns);
}
