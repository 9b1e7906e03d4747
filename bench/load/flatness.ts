// Whether a curve is flat: by the slope of Theil and Sen, the median of the slopes between all pairs of points, which
// single outliers (a garbage collection, a checkpoint, a neighbour on the machine) do not move.
import { median } from '../statistics.ts';

export interface Curve {
  name: string;
  unit: string;
  /** One value a second; null where it could not be measured. */
  values: readonly (number | null)[];
  /** What it may grow over the whole time: so much, or that share of its median, whichever is more. */
  may: { grow: number; share: number };
}

export interface Verdict {
  name: string;
  unit: string;
  median: number;
  max: number;
  /** By the slope, from the first to the last second. */
  growth: number;
  allowed: number;
  flat: boolean;
}

/** @returns null when there is nothing to judge by. */
export function judge({ name, unit, values, may }: Curve): Verdict | null {
  const points = values.flatMap((value, second) => (value === null ? [] : [[second, value] as const]));
  if (points.length < 3) return null;
  const slopes = points.flatMap(([x, y], n) => points.slice(n + 1).map(([u, v]) => (v - y) / (u - x)));
  const growth = median(slopes) * (values.length - 1);
  const measured = points.map(([, value]) => value);
  const middle = median(measured);
  const allowed = Math.max(may.grow, may.share * middle);
  return { name, unit, median: middle, max: Math.max(...measured), growth, allowed, flat: growth <= allowed };
}
