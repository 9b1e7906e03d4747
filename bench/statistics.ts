// What is said about the figures of several rounds.

export interface Summary {
  median: number;
  min: number;
  max: number;
  /** max − min, in percent of the median. */
  spread_pct: number;
}

/** @param values at least one. */
export function summarise(values: readonly number[]): Summary {
  const [min, middle, max] = [Math.min(...values), median(values), Math.max(...values)];
  return { median: middle, min, max, spread_pct: middle === 0 ? 0 : ((max - min) / middle) * 100 };
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const half = sorted.length / 2;
  return (sorted[Math.ceil(half - 1)]! + sorted[Math.floor(half)]!) / 2;
}

/** By nearest rank: a value that was measured, with at least `share` (0 to 1) of the values at or below it. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]!;
}
