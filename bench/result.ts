// What remains of a benchmark: its comparisons with medians, spread and verdict, as shown and as kept.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Benchmark, Comparison, Reach } from './benchmark.ts';
import { type Summary, summarise } from './statistics.ts';

export interface ComparisonResult extends Comparison {
  reach: Reach;
  /** null: nothing is demanded. */
  reached: boolean | null;
  value: Summary;
  baseline_value: Summary | null;
  /** Of each round's subject to its baseline. */
  ratio: Summary | null;
  /** Medians of the details. */
  details: { subject: Record<string, number>; baseline: Record<string, number> };
}

export function conclude({ reach }: Pick<Benchmark, 'reach'>, comparison: Comparison): ComparisonResult {
  const { rounds } = comparison;
  const pairs = rounds.flatMap(({ subject, baseline }) => (baseline ? [[subject.value, baseline.value] as const] : []));
  const value = summarise(rounds.map(({ subject }) => subject.value));
  const ratio = pairs.length > 0 ? summarise(pairs.map(([subject, baseline]) => subject / baseline)) : null;
  const demands = [
    ...(reach.value === undefined ? [] : [value.median <= reach.value]),
    ...(reach.ratio === undefined || !ratio ? [] : [ratio.median <= reach.ratio]),
  ];
  return {
    ...comparison,
    reach,
    reached: demands.length > 0 ? demands.every((held) => held) : null,
    value,
    baseline_value: pairs.length > 0 ? summarise(pairs.map(([, baseline]) => baseline)) : null,
    ratio,
    details: { subject: medians(comparison, 'subject'), baseline: medians(comparison, 'baseline') },
  };
}

function medians({ rounds }: Comparison, side: 'subject' | 'baseline'): Record<string, number> {
  const details = rounds.map((round) => round[side]?.details ?? {});
  return Object.fromEntries(
    Object.keys(details[0] ?? {}).map((name) => [name, summarise(details.map((detail) => detail[name]!)).median]),
  );
}

/** `2026-01-31T12-00-00Z`: as RFC 3339, but fit for a file's name everywhere. */
export function fileDate(date = new Date()): string {
  return `${date.toISOString().slice(0, 19).replaceAll(':', '-')}Z`;
}

/** @returns the file's path. */
export async function writeResult(folder: string, name: string, date: string, result: object): Promise<string> {
  await mkdir(folder, { recursive: true });
  const path = join(folder, `${name}-${date}.json`);
  await writeFile(path, `${JSON.stringify(result, null, 2)}\n`);
  return path;
}
