import type { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import { rejectionDelimiter } from '../../db/row-errors.ts';

export interface Rejection {
  /** Ordinal in the file. */
  record: number;
  /** JSON; null: not asked for, or of no use in the record itself, which cannot be read. */
  reasons: string | null;
}

/** Reads the rows of `copyRejections`, several at a time. @throws the database's error. */
export async function* readRejections(rows: Readable): AsyncGenerator<Rejection[], void, undefined> {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  for await (const block of rows as AsyncIterable<Buffer>) {
    const lines = (rest + decoder.write(block)).split('\n');
    rest = lines.pop() as string;
    if (lines.length > 0) yield lines.map(readLine);
  }
}

function readLine(line: string): Rejection {
  const at = line.indexOf(rejectionDelimiter);
  if (at === -1) return { record: Number(line), reasons: null };
  return { record: Number(line.slice(0, at)), reasons: line.slice(at + 1) || null };
}
