// The results as tables for people: what was measured against what, then the stages and the cost of each side.
import type { Reach } from './benchmark.ts';
import type { ComparisonResult } from './result.ts';

export interface NamedResult extends ComparisonResult {
  name: string;
}

export function comparisonTable(results: readonly NamedResult[]): string {
  const rows = results.map(({ name, subject, value, baseline, baseline_value, unit, ratio, reach, reached }) => [
    name,
    subject,
    `${figure(value.median)} ${unit}`,
    baseline ?? '',
    baseline_value ? `${figure(baseline_value.median)} ${unit}` : '',
    ratio ? `${ratio.median.toFixed(2)} (${ratio.min.toFixed(2)}–${ratio.max.toFixed(2)})` : '',
    // A single figure has no ratio whose spread would show how far to trust it.
    ratio ? '' : `${figure(value.min)}–${figure(value.max)} ${unit}`,
    demand(reach, unit),
    reached === null ? '' : reached ? 'reached' : 'missed',
  ]);
  const heads = ['benchmark', 'measured', 'median', 'against', 'median', 'ratio (min–max)', 'min–max', 'reach', ''];
  return table(heads, rows);
}

/** One line for each side that has details; a column for each detail that occurs. */
export function detailTable(results: readonly NamedResult[]): string {
  const lines = results.flatMap(({ name, subject, baseline, details }) => [
    { name, side: subject, figures: details.subject },
    { name, side: baseline ?? '', figures: details.baseline },
  ]);
  const shown = lines.filter(({ figures }) => Object.keys(figures).length > 0);
  const columns = [...new Set(shown.flatMap(({ figures }) => Object.keys(figures)))];
  const rows = shown.map(({ name, side, figures }) => [
    name,
    side,
    ...columns.map((column) => (figures[column] === undefined ? '' : figure(figures[column]))),
  ]);
  return table(['benchmark', 'side', ...columns], rows);
}

function demand({ ratio, value }: Reach, unit: string): string {
  return [ratio === undefined ? [] : [`≤ ${ratio}`], value === undefined ? [] : [`≤ ${value} ${unit}`]]
    .flat()
    .join(' and ');
}

/** Three significant digits; large ones whole, with separators. */
function figure(value: number): string {
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString('en');
  return value.toFixed(Math.abs(value) >= 10 ? 1 : 2);
}

/** Columns whose cells all begin with a digit are aligned to the right; those without any text are left out. */
function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const columns = heads.flatMap((head, column) => {
    const cells = rows.map((row) => row[column] ?? '');
    if (cells.every((cell) => cell === '')) return [];
    const width = Math.max(head.length, ...cells.map((cell) => cell.length));
    const numeric = cells.every((cell) => /^([-\d]|$)/.test(cell));
    return [[head, ...cells].map((cell) => (numeric ? cell.padStart(width) : cell.padEnd(width)))];
  });
  const lines = ['', ...rows].map((_, line) => columns.map((cells) => cells[line]).join('  '));
  return `${lines.map((line) => line.trimEnd()).join('\n')}\n`;
}
