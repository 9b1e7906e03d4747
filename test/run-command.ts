// The command as people run it, a process of its own; and the same as a function, for what does not depend on that.
import { type ChildProcess, spawn } from 'node:child_process';
import { PassThrough, Writable } from 'node:stream';
import type { Test } from 'tap';
import { runBulk } from '../src/cli/run-bulk.ts';
import { type OutputOf, outputOf } from './output-of.ts';
import { plainNode } from './plain-node.ts';

const launcher = new URL('../src/cli/bulk.js', import.meta.url).pathname;

export type Ended = Awaited<OutputOf['ended']>;

export interface RunCommand extends OutputOf {
  child: ChildProcess;
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
  const child = spawn(program, rest, { cwd, env: { PATH: process.env.PATH ?? '', ...env } });
  t.after(() => child.kill('SIGKILL'));
  child.stdin.end(input);
  return { child, ...outputOf(child) };
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
