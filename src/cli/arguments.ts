// Arguments as text → values, for commander: what is wrong is said with what would be right.
import { InvalidArgumentError, Option } from 'commander';
import { type Limit, parseLimit } from './rejection-limit.ts';

export function serviceUrl(text: string): URL {
  const url = URL.parse(text.includes('://') ? text : `http://${text}`);
  if (url && ['http:', 'https:'].includes(url.protocol) && url.username === '' && url.password === '') return url;
  throw new InvalidArgumentError('give a URL such as http://127.0.0.1:8080, without user name and password.');
}

/** A whole number from `least` on; 1_000_000 is one. */
export function wholeNumber(least: number): (text: string) => number {
  return (text) => {
    const value = /^[\d_]+$/.test(text) ? Number(text.replaceAll('_', '')) : Number.NaN;
    if (Number.isSafeInteger(value) && value >= least && value < 2 ** 32) return value;
    throw new InvalidArgumentError(`give a whole number, ${least} or more.`);
  };
}

/** `0.05` and `5%`. */
export function share(text: string): number {
  const value = text.endsWith('%') ? Number(text.slice(0, -1)) / 100 : Number(text);
  if (text !== '' && value >= 0 && value <= 1) return value;
  throw new InvalidArgumentError('give a share such as 5% or 0.05.');
}

export function failOverOption(): Option {
  const means = 'exit with 3 when more records than this are rejected: 5%, or 100';
  return new Option('--fail-over <limit>', means).argParser(rejectionLimit);
}

function rejectionLimit(text: string): Limit {
  const limit = parseLimit(text);
  if (limit) return limit;
  throw new InvalidArgumentError('give a share such as 5%, or a number of records such as 100.');
}

export function collect(value: string, earlier: readonly string[]): string[] {
  return [...earlier, value];
}
