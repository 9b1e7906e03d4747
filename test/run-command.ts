// The command as people run it, a process of its own; and the same as a function, for what does not depend on that.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { PassThrough, Writable } from 'node:stream';
import type { Test } from 'tap';
import { runBulk } from '../src/cli/run-bulk.ts';
import { compileCache, plainNode } from './plain-node.ts';

const launcher = new URL('../src/cli/bulk.js', import.meta.url).pathname;

export interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

export interface RunCommand {
  child: ChildProcess;
  /** Resolves once stdout or stderr holds the text. */
  said(text: string): Promise<void>;
  ended: Promise<Ended>;
}

export interface RunOptions {
  env?: Record<string, string>;
  cwd?: string;
  /** Content of stdin; default: none. */
  input?: string;
  /** The program before the launcher, such as a terminal's. Default: this Node. */
  by?: (command: string[]) => string[];
}

/** Killed when the test ends. */
export function runCommand(
  t: Pick<Test, 'after'>,
  args: string[],
  { env, cwd, input, by }: RunOptions = {},
): RunCommand {
  const command = plainNode([launcher, ...args]).flat();
  const [program = '', ...rest] = by ? by(command) : command;
  const child = spawn(program, rest, {
    cwd,
    env: { PATH: process.env.PATH ?? '', ...compileCache, ...env },
    stdio: 'pipe',
  });
  t.after(() => child.kill('SIGKILL'));
  const text = { stdout: '', stderr: '' };
  const news = new EventTarget();
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (piece: string) => {
      text[name] += piece;
      news.dispatchEvent(new Event('news'));
    });
  }
  child.stdin.end(input);
  const closed = once(child, 'close') as Promise<[code: number | null]>;
  return {
    child,
    async said(expected) {
      const over = closed.then(() => true);
      while (!text.stdout.includes(expected) && !text.stderr.includes(expected)) {
        const isOver = await Promise.race([once(news, 'news').then(() => false), over]);
        if (isOver) throw new Error(`ended without saying '${expected}': ${text.stdout}${text.stderr}`);
      }
    },
    ended: closed.then(([code]) => ({ code, ...text })),
  };
}

export interface CallOptions {
  stdin?: PassThrough;
  signal?: AbortSignal;
}

/** In this process: its folder, and its variables. Neither stdout nor stderr is a terminal. */
export async function callCommand(
  args: string[],
  { stdin = new PassThrough().end(), signal = new AbortController().signal }: CallOptions = {},
): Promise<Ended> {
  const text = { stdout: '', stderr: '' };
  const collect = (name: keyof typeof text) =>
    new Writable({
      decodeStrings: false,
      write(piece: string | Buffer, _encoding, done) {
        text[name] += piece.toString();
        done();
      },
    });
  const surroundings = { stdin: () => stdin, stdout: collect('stdout'), stderr: collect('stderr'), signal };
  return { code: await runBulk(args, surroundings), ...text };
}
