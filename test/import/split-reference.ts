// What the splitter should find, said as plainly as possible: whole text in, one character after the other, no state
// kept between records, no thought of speed. Texts are ASCII, so characters are bytes.
import type { SplitRecord } from './split.ts';

/** Records of CSV behind a header, by the rules at the head of split-csv.ts. */
export function csvRecords(text: string, firstLine: number, delimiter: string, maxRecordBytes: number): SplitRecord[] {
  const records: SplitRecord[] = [];
  let rest = text;
  let line = firstLine;
  while (rest !== '') {
    const empty = /^\r?\n/.exec(rest)?.[0];
    const found = empty ? undefined : readRecord(rest, delimiter, maxRecordBytes);
    const taken = empty ?? found?.taken ?? '';
    if (found) {
      const content = taken.replace(/\r?\n$/, '');
      const tooLong = content.length > maxRecordBytes;
      const fault = tooLong ? 'tooLong' : found.fault;
      records.push({ text: tooLong ? '' : content, line, ...(fault ? { fault } : {}) });
    }
    line += taken.split('\n').length - 1;
    rest = rest.slice(taken.length);
  }
  return records;
}

function readRecord(
  text: string,
  delimiter: string,
  maxRecordBytes: number,
): { taken: string; fault?: SplitRecord['fault'] } {
  const firstLine = /^[^\n]*\n?/.exec(text)?.[0] ?? '';
  const limit = maxRecordBytes + 2;
  let quoted = false;
  let at = 0;
  for (; at < Math.min(text.length, limit); at++) {
    const [before, char, after] = [text[at - 1], text[at], text.slice(at + 1)];
    if (!quoted) {
      if (char === '\n') return { taken: text.slice(0, at + 1) };
      if (char === '"' && (at === 0 || before === delimiter)) quoted = true;
    } else if (char === '"') {
      if (after.startsWith('"')) at++;
      else if (after === '' || after.startsWith(delimiter) || /^\r?\n/.test(after)) quoted = false;
      else return { taken: firstLine, fault: 'afterQuote' };
    }
  }
  const atLimit = at >= limit;
  const breakBefore = text.slice(0, Math.min(at, limit)).includes('\n');
  if (quoted && (breakBefore || !atLimit)) return { taken: firstLine, fault: 'unclosedQuote' };
  if (!atLimit) return { taken: text };
  const lineEnd = text.indexOf('\n', at);
  return { taken: lineEnd === -1 ? text : text.slice(0, lineEnd + 1), fault: 'tooLong' };
}

export function ndjsonRecords(text: string, maxRecordBytes: number): SplitRecord[] {
  return text.split('\n').flatMap((physical, index) => {
    const content = physical.replace(/^[ \t\r]+/, '').replace(/\r$/, '');
    if (content === '') return [];
    const line = index + 1;
    return content.length > maxRecordBytes
      ? [{ text: '', line, fault: 'tooLong' as const }]
      : [{ text: content, line }];
  });
}
