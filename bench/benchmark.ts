// What a benchmark is, and the order in which its two sides are measured.
import type { CopyClient } from './copy-client.ts';
import type { DataFiles } from './data-files.ts';
import type { DatabaseServer } from './database-server.ts';
import type { Databases } from './databases.ts';
import type { ServiceProcesses } from './service-process.ts';

/** One question of performance.md's table "Ratios to reach". */
export interface Benchmark {
  name: string;
  description: string;
  /** At most this; empty: the figure is stated, nothing is demanded of it. */
  reach: Reach;
  /** Takes too long for a run of all. */
  onlyByName?: boolean;
  /** @throws when what is measured goes wrong or gives wrong results; a figure that misses `reach` is no error. */
  run(bench: Bench): Promise<Comparison[]>;
}

export interface Reach {
  /** Of the median of the rounds' ratios, subject to baseline. */
  ratio?: number;
  /** Of the subject's median, in its unit. */
  value?: number;
}

/** What a benchmark has at its disposal. */
export interface Bench {
  settings: {
    /** Of users and of comments; there are half as many articles. */
    records: number;
    rounds: number;
    quick: boolean;
  };
  files: DataFiles;
  server: DatabaseServer;
  databases: Databases;
  services: ServiceProcesses;
  copy: CopyClient;
  signal: AbortSignal;
  /** Tells the person who waits. */
  progress(message: string): void;
}

export interface Comparison {
  /** What is measured. */
  subject: string;
  /** What it is compared with; null: with nothing. */
  baseline: string | null;
  unit: string;
  rounds: Round[];
}

export interface Round {
  subject: Sample;
  baseline: Sample | null;
}

export interface Sample {
  /** In the unit of the comparison. */
  value: number;
  /** Further figures; their names carry their units. */
  details?: Readonly<Record<string, number>>;
}

export interface Sides {
  subject(): Promise<Sample>;
  baseline(): Promise<Sample>;
}

/** Measures both sides once a round; who goes first changes from round to round, as the machine changes over time. */
export async function inTurn({ settings, signal, progress }: Bench, sides: Sides): Promise<Round[]> {
  const rounds: Round[] = [];
  for (let round = 0; round < settings.rounds; round++) {
    signal.throwIfAborted();
    const samples: Partial<Record<keyof Sides, Sample>> = {};
    for (const side of round % 2 === 0 ? (['baseline', 'subject'] as const) : (['subject', 'baseline'] as const)) {
      samples[side] = await sides[side]();
    }
    const { subject, baseline } = samples as Record<keyof Sides, Sample>;
    rounds.push({ subject, baseline });
    progress(`round ${round + 1}: ${(subject.value / baseline.value).toFixed(3)} of the baseline`);
  }
  return rounds;
}

/** Rounds that need an order of their own. */
export async function repeat<T>({ settings, signal, progress }: Bench, work: () => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  for (let round = 0; round < settings.rounds; round++) {
    signal.throwIfAborted();
    results.push(await work());
    progress(`round ${round + 1} done`);
  }
  return results;
}
