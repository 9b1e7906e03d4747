// What a process says, while it runs and in the end.
import type { ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';

export interface Said {
  stdout: string;
  stderr: string;
}

export interface OutputOf {
  /** Resolves once stdout or stderr holds the text. @throws when the process ends without. */
  said(text: string | RegExp): Promise<void>;
  /** `code` is null when a signal ended it. */
  ended: Promise<Said & { code: number | null }>;
}

/** @param child just started. */
export function outputOf(child: ChildProcessByStdio<Writable | null, Readable, Readable>): OutputOf {
  const text: Said = { stdout: '', stderr: '' };
  const news = new EventTarget();
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (piece: string) => {
      text[name] += piece;
      news.dispatchEvent(new Event('news'));
    });
  }
  const closed = once(child, 'close') as Promise<[code: number | null]>;
  return {
    async said(expected) {
      const over = closed.then(() => true);
      const isSaid = (output: string) =>
        typeof expected === 'string' ? output.includes(expected) : expected.test(output);
      while (!isSaid(text.stdout) && !isSaid(text.stderr)) {
        const isOver = await Promise.race([once(news, 'news').then(() => false), over]);
        if (isOver) throw new Error(`ended without saying ${expected}: ${text.stdout}${text.stderr}`);
      }
    },
    ended: closed.then(([code]) => ({ code, ...text })),
  };
}
