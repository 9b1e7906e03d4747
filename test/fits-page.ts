// Whether what was printed is what a documentation page shows. `…` on the page stands for anything in a line, a line of
// nothing else for any lines; ids of requests, hashes, times and figures of speed may differ.

/** Each with what fits in its place. */
const varying = [
  ['^ *…\\n', '(?:.*\\n)*?'],
  ['…', '.*'],
  ['"(?:duration_ms|rows_per_sec|bytes)":\\d+', '"\\w+":\\d+'],
  ['\\d+\\.\\d s \\([\\d,]+ records/s\\)', '[\\d.]+ m?s \\([\\d,]+ records/s\\)'],
  ['"request_id":"[^"]+"', '"request_id":"[^"]+"'],
  ['\\d{4}-\\d\\d-\\d\\dT[\\d:]+\\.\\d{3}Z', '\\d{4}-\\d\\d-\\d\\dT[\\d:]+\\.\\d{3}Z'],
  ['\\b[0-9a-f]{64}\\b', '[0-9a-f]{64}'],
  ['^id: \\d+', 'id: \\d+'],
] as const;
const anyVarying = new RegExp(varying.map(([written]) => `(${written})`).join('|'), 'gm');

/** @param output as the page shows it, with our ids in place of its own. */
export function asPattern(output: string): RegExp {
  const literal = (text: string) => text.replaceAll(/[$()*+.?[\\\]^{|}]/g, '\\$&');
  let pattern = '';
  let done = 0;
  for (const match of output.matchAll(anyVarying)) {
    const kind = match.slice(1).findIndex((group) => group !== undefined);
    pattern += literal(output.slice(done, match.index)) + varying[kind]![1];
    done = match.index + match[0].length;
  }
  return new RegExp(`^${pattern}${literal(output.slice(done))}$`);
}

/** What can be read in the end on a terminal on which lines were drawn and taken away. */
export function remaining(screen: string): string {
  let text = '';
  for (const piece of screen.replaceAll('\r\n', '\n').split(/(\x1b\[[\d;?]*[A-Za-z])/)) {
    // Whoever clears to the end of a line (npx its wheel, before and after) stands at its beginning.
    if (/^\x1b\[[02]K$/.test(piece)) text = text.slice(0, text.lastIndexOf('\n') + 1);
    else if (piece === '\x1b[1A') text = text.replace(/\n$/, '');
    else if (!piece.startsWith('\x1b')) text += piece;
  }
  return text;
}

/** Of an event stream: without the comments that keep it open, and of several `progress` in a row, as many as time made them, the first. */
export function withoutRepeats(stream: string): string {
  const event = /id: \d+\nevent: progress\ndata: .*\n\n/.source;
  return stream.replaceAll(/^: \n\n/gm, '').replaceAll(new RegExp(`(${event})(?:${event})+`, 'g'), '$1');
}
