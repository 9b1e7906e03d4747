import { parseArgs } from 'node:util';

/** What a long run is asked for on its command line: `--seed` (default: another each time) and `--minutes` (1). @throws when either is no such number. */
export function readSeedAndMinutes(): { seed: number; minutes: number } {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
      minutes: { type: 'string', default: '1' },
    },
  });
  const [seed, minutes] = [Number(values.seed), Number(values.minutes)];
  if (!Number.isInteger(seed) || !(minutes > 0)) throw new Error('--seed takes a whole number, --minutes one above 0');
  return { seed, minutes };
}
