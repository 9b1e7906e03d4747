// What is told of a torture: a line a round, and in the end a table of all of them, in Markdown.
import { markdownTable } from '../../bench/markdown-table.ts';
import type { RecordCounts } from './count-records.ts';

export interface RoundReport {
  faults: string[];
  /** What is wrong; empty when all is well. */
  findings: string[];
  durationMs: number;
  /** From the last fault set right until all jobs had ended and nothing was left over. */
  recoveryMs: number;
  /** What held it up to the last. */
  waitedFor: string[];
  /** null: it broke off before there was anything to count. */
  records: RecordCounts | null;
  /** At how many jobs, and how many attempts they took. */
  jobs: number;
  attempts: number;
  /** Posts that were taken, at least in part, had no answer, and were sent again. */
  brokenPosts: number;
  /** Exports that were streamed, those that were broken off not among them. */
  streamed: number;
  brokenStreams: number;
}

export class Totals {
  readonly #rounds: RoundReport[] = [];

  add(report: RoundReport): void {
    this.#rounds.push(report);
  }

  toMarkdown(seed: number): string {
    const rounds = this.#rounds;
    const sum = (of: (round: RoundReport) => number) => rounds.reduce((total, round) => total + of(round), 0);
    const count = (of: (round: RoundReport) => number) => sum(of).toLocaleString('en');
    const kinds = new Map<string, number>();
    for (const fault of rounds.flatMap(({ faults }) => faults)) kinds.set(fault, (kinds.get(fault) ?? 0) + 1);
    const byCount = [...kinds].sort(([, a], [, b]) => b - a);
    return markdownTable(
      ['torture', `seed ${seed}`],
      [
        ['rounds', `${rounds.length}, ${Math.round(sum(({ durationMs }) => durationMs) / 60_000)} minutes`],
        ['faults', count(({ faults }) => faults.length)],
        ...byCount.map(([fault, times]) => [fault, `${times} ×`]),
        ['jobs', `${count(({ jobs }) => jobs)}, in ${count(({ attempts }) => attempts)} attempts`],
        ['posts broken off and sent again', count(({ brokenPosts }) => brokenPosts)],
        [
          'streamed exports',
          `${count(({ streamed }) => streamed)} whole, ${count((round) => round.brokenStreams)} broken off`,
        ],
        ['longest recovery', seconds(Math.max(0, ...rounds.map(({ recoveryMs }) => recoveryMs)))],
        ['records checked', count(({ records }) => records?.checked ?? 0)],
        ['lost', count(({ records }) => records?.lost ?? 0)],
        ['doubled', count(({ records }) => records?.doubled ?? 0)],
      ],
    );
  }
}

export function describeRound({ faults, durationMs, recoveryMs, records, attempts, ...more }: RoundReport): string {
  const counts = `${records?.checked ?? 'no'} records, ${attempts} attempts, ${more.streamed} exports streamed, ${more.brokenStreams} broken`;
  return `${seconds(durationMs)} (recovery ${seconds(recoveryMs)}), ${counts}: ${faults.join(', ')}`;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
