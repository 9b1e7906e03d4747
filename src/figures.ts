// The derived figures of a job, the same in status, lists and log.

/** In percent, to two decimals; 0 of 0 is 0. */
export function percentage(part: number, whole: number): number {
  return whole === 0 ? 0 : Math.round((part / whole) * 10_000) / 100;
}

/** Rounded; null when no time has passed. */
export function perSecond(count: number, durationMs: number): number | null {
  return durationMs > 0 ? Math.round((count / durationMs) * 1000) : null;
}

/** Never negative: the database's clock may be set back. */
export function elapsedMs(start: Date, end: Date): number {
  return Math.max(0, Number(end) - Number(start));
}
