// --fail-over: how many rejected records are too many, as a share (5%) or as a number (100).
import type { ImportState } from '../client/index.ts';

export interface Limit {
  /** As it was given. */
  text: string;
  kind: 'share' | 'records';
  /** Percent, or records. */
  most: number;
}

/** @returns null for a text that is neither. */
export function parseLimit(text: string): Limit | null {
  const match = /^(\d+(?:\.\d+)?)(%?)$/.exec(text.trim());
  const most = Number(match?.[1]);
  const kind = match?.[2] === '%' ? 'share' : 'records';
  if (!match || (kind === 'share' ? most > 100 : !Number.isInteger(most))) return null;
  return { text, kind, most };
}

export function exceeds(
  { failed, processed }: Pick<ImportState, 'failed' | 'processed'>,
  { kind, most }: Limit,
): boolean {
  return kind === 'records' ? failed > most : failed * 100 > most * processed;
}
