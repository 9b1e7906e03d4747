// What is said about a load: which curves are flat, and what was not as it should be.
import { median } from '../statistics.ts';
import { judge, type Verdict } from './flatness.ts';
import type { LoadOutcome, Sample } from './phases.ts';

export interface Conclusion {
  verdicts: Verdict[];
  /** In words; empty when all is well. */
  faults: string[];
}

/** The first seconds fill caches, pools and the heap. */
const warmUpShare = 0.25;

export function conclude({ samples, saturation, left }: LoadOutcome): Conclusion {
  const { steady, flooded, recovered } = samples;
  const measured = steady.slice(Math.floor(warmUpShare * steady.length));
  const verdicts = judgeAll(measured);
  const faults = [
    ...verdicts
      .filter(({ flat }) => !flat)
      .map(
        ({ name, growth, allowed, unit }) => `${name} grew by ${figure(growth)} ${unit}, more than ${figure(allowed)}`,
      ),
    ...unexpected(steady, [], 'under steady load'),
    ...unexpected(flooded, ['429', '503'], 'under more than it takes'),
    // In the first second some of the flood is still answered.
    ...unexpected(recovered.slice(1), [], 'after that'),
    ...saturation.faults,
    ...(saturation.imports['429'] ? [] : ['no import was turned away with 429']),
    ...(saturation.exports['503'] ? [] : ['no export was turned away with 503']),
    ...left.map((what) => `a minute after it ${what}`),
    ...slower(measured, recovered),
  ];
  return { verdicts, faults };
}

function judgeAll(samples: readonly Sample[]): Verdict[] {
  const curve = (name: 'p50_ms' | 'p99_ms' | 'rss_mb' | 'descriptors' | 'sessions', unit: string, grow: number) =>
    judge({
      name,
      unit,
      values: samples.map((sample) => sample[name]),
      may: { grow, share: name.endsWith('ms') ? 0.5 : 0.1 },
    });
  return [
    curve('p50_ms', 'ms', 5),
    curve('p99_ms', 'ms', 15),
    curve('rss_mb', 'MB', 25),
    curve('descriptors', '', 5),
    curve('sessions', '', 3),
  ].filter((verdict) => verdict !== null);
}

function unexpected(samples: readonly Sample[], allowed: readonly string[], when: string): string[] {
  const failed = samples.reduce((sum, sample) => sum + sample.failed, 0);
  const refused = samples.flatMap(({ refused }) => Object.keys(refused).filter((status) => !allowed.includes(status)));
  return [
    ...(failed > 0 ? [`${failed} requests ${when} had no answer`] : []),
    ...(refused.length > 0 ? [`requests ${when} were answered ${[...new Set(refused)].join(', ')}`] : []),
  ];
}

/** The load is over then: it should rather be faster. */
function slower(before: readonly Sample[], after: readonly Sample[]): string[] {
  const p99 = (samples: readonly Sample[]) => median(samples.flatMap(({ p99_ms }) => p99_ms ?? []));
  const [was, is] = [p99(before), p99(after)];
  return is <= was + 10 ? [] : [`p99 was ${figure(was)} ms, and is ${figure(is)} ms after too much load`];
}

export function figure(value: number | null): string {
  return value === null ? '–' : String(Math.round(value * 10) / 10);
}
