// A load as a page for people, beside the JSON that has every second of it.
import { markdownTable } from '../markdown-table.ts';
import { median } from '../statistics.ts';
import { type Conclusion, figure } from './conclude.ts';
import type { LoadOutcome, LoadSettings, Sample } from './phases.ts';

export interface LoadReport extends LoadOutcome, Conclusion {
  date: string;
  settings: LoadSettings;
  machine: { cpu: string; cores: number; memory_gb: number; system: string };
  versions: Record<string, unknown>;
}

const rowSeconds = 10;

export function markdownOf(report: LoadReport): string {
  const { date, settings, machine, versions, done, samples, verdicts, saturation, faults } = report;
  const { seconds, rate, records } = settings;
  const phases = [
    ['steady', samples.steady],
    ['too much', samples.flooded],
    ['after', samples.recovered],
  ] as const;
  const curve = markdownTable(
    ['phase', 'second', 'requests', 'p50 ms', 'p99 ms', 'refused', 'no answer', 'MB', 'descriptors', 'sessions'],
    phases.flatMap(([name, all]) => inRows(all).map(({ from, rows }) => [name, String(from), ...summarise(rows)])),
  );
  const judged = markdownTable(
    ['curve', 'median', 'most', 'growth', 'allowed', ''],
    verdicts.map(({ name, unit, median, max, growth, allowed, flat }) => [
      name,
      `${figure(median)} ${unit}`,
      figure(max),
      figure(growth),
      figure(allowed),
      flat ? 'flat' : 'grows',
    ]),
  );
  const answers = (counts: Record<string, number>) =>
    Object.entries(counts)
      .map(([status, count]) => `${count} × ${status}`)
      .join(', ');
  return `# Load of ${date}

${machine.cores} cores (${machine.cpu}), ${machine.memory_gb} GB, Node ${versions.node}, PostgreSQL ${versions.postgresql}; service, database and
clients share them. ${seconds} s of ${rate} short requests a second, two clients that import files of ${records} records, one that streams
exports, one that has them made as files. Done meanwhile: ${done.imports} imports of ${done.importedRecords} records, ${done.streams} streamed exports,
${done.exportJobs} export jobs.

${judged}
More than it takes: imports ${answers(saturation.imports)}; exports that nobody reads ${answers(saturation.exports)}.
${faults.length === 0 ? 'Nothing failed; afterwards it was as fast as before.' : faults.map((fault) => `Not as it should be: ${fault}.`).join('\n')}

${curve}`;
}

function inRows(samples: readonly Sample[]): { from: number; rows: Sample[] }[] {
  const starts = samples.flatMap((_, second) => (second % rowSeconds === 0 ? [second] : []));
  return starts.map((from) => ({ from, rows: samples.slice(from, from + rowSeconds) }));
}

/** Sums and medians of some seconds; of the 99th percentiles the highest. */
function summarise(rows: readonly Sample[]): string[] {
  const sum = (of: (sample: Sample) => number) => String(rows.reduce((total, sample) => total + of(sample), 0));
  const known = (name: 'p50_ms' | 'p99_ms' | 'rss_mb' | 'descriptors' | 'sessions') =>
    rows.flatMap((sample) => sample[name] ?? []);
  const middle = (name: Parameters<typeof known>[0]) => figure(known(name).length === 0 ? null : median(known(name)));
  return [
    sum(({ requests }) => requests),
    middle('p50_ms'),
    figure(known('p99_ms').length === 0 ? null : Math.max(...known('p99_ms'))),
    sum(({ refused }) => Object.values(refused).reduce((total, count) => total + count, 0)),
    sum(({ failed }) => failed),
    middle('rss_mb'),
    middle('descriptors'),
    middle('sessions'),
  ];
}
