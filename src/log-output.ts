// Where the log goes: stdout. What cannot be written must not hold up the service, which a full disk would (pino's own
// destination throws then, and its flushSync(), called for every fatal error and at the end, tries again without end) and a
// reader of a pipe that stands still. So lines are kept for later, up to a limit, then dropped.
import { fstatSync, writeSync } from 'node:fs';
import { destination } from 'pino';

/** More than any line has. */
const maxKeptBytes = 2 ** 20;
const longestFlushMs = 1000;

let failing = false;

/** @returns whether what was last written could not be. */
export function logIsFailing(): boolean {
  return failing;
}

let flush: (done: () => void) => void = (done) => done();

/** Before the process ends: waits until what was logged is written, but not for long, as whoever reads it may stand still. */
export async function flushLog(): Promise<void> {
  await new Promise<void>((resolve) => {
    setTimeout(resolve, longestFlushMs);
    flush(resolve);
  });
}

/** A stream for pino. */
export function logOutput(): { write(line: string): void } {
  const to = fstatSync(1);
  // A file or terminal is written at once, and there is nothing to flush; what reads from a pipe may keep a thread waiting.
  const piped = to.isFIFO() || to.isSocket();
  // Without a least length flush() does nothing.
  const stdout = destination({ dest: 1, sync: !piped, minLength: 1, maxLength: maxKeptBytes });
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (!failing) tell(`the log cannot be written (${error.code}); lines may be lost until it can`);
    failing = true;
  });
  stdout.on('write', () => {
    failing = false;
  });
  // A line that finds no room any more starts no attempt to write the others.
  stdout.on('drop', () => stdout.flush());
  if (piped) {
    flush = (done) => stdout.flush(() => done());
    // Pino calls it at the end.
    stdout.flushSync = () => {};
  }
  return { write: (line) => void stdout.write(line) };
}

/** On stderr, wherever that leads: the same disk may be full. */
export function tell(text: string): void {
  try {
    writeSync(2, `${text}\n`);
  } catch {
    // There is nowhere left to say it.
  }
}
