// Where the log goes: stdout. What cannot be written must not hold up the service, which a full disk would (pino's own
// destination throws then, and its flushSync(), called for every fatal error and at the end, tries again without end) and a
// reader of a pipe that stands still. So lines are kept for later, up to a limit, then dropped.
import { writeSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { destination } from 'pino';
import { sqlstateOf } from '../db/sqlstate.ts';

/** Once Node has opened it, a write to a pipe fails (EAGAIN) where it would wait for a reader that stands still. */
const { fd } = process.stdout;

/** More than any line has. */
const maxKeptBytes = 2 ** 20;
const retryMs = 50;
const longestFlushMs = 1000;
/** A reader that is merely slow loses lines again and again. */
const tellAgainMs = 60_000;

let failing = false;

/** @returns whether what was last written could not be. */
export function logIsFailing(): boolean {
  return failing;
}

let tryWriting = async (): Promise<boolean> => true;

/** Before the process ends: waits until what was logged is written, but not for long, as whoever reads it may stand still. */
export async function flushLog(): Promise<void> {
  for (const from = performance.now(); !(await tryWriting()) && performance.now() - from < longestFlushMs; ) {
    await wait(retryMs);
  }
}

/** A stream for pino. */
export function logOutput(): { write(line: string): void } {
  // Without a least length flush() does nothing.
  const stdout = destination({
    ...{ dest: fd, sync: true, minLength: 1, maxLength: maxKeptBytes },
    retryEAGAIN: () => false,
  });
  let waiting = false;
  const tryLater = () => {
    if (waiting) return;
    waiting = true;
    setTimeout(() => {
      waiting = false;
      stdout.flush();
    }, retryMs).unref();
  };
  let toldAt = Number.NEGATIVE_INFINITY;
  const report = (text: string) => {
    if (performance.now() - toldAt < tellAgainMs) return;
    toldAt = performance.now();
    tell(text);
  };
  stdout.on('error', ({ code }: NodeJS.ErrnoException) => {
    failing = true;
    if (code === 'EAGAIN') tryLater();
    else if (code === 'EPIPE') report('nobody reads the log any more; it is not written');
    else report(`the log cannot be written (${code}); lines may be lost until it can`);
  });
  stdout.on('write', () => {
    failing = false;
  });
  // A line that finds no room any more starts no attempt to write the others.
  stdout.on('drop', () => {
    report('whoever reads the log does not keep up; lines are lost');
    stdout.flush();
  });
  tryWriting = async () => await new Promise((done) => stdout.flush((error) => done(sqlstateOf(error) !== 'EAGAIN')));
  // Pino calls it at the end.
  stdout.flushSync = () => {};
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
