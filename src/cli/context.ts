// What every command works with: the client, the input and output, and the signal that ends it.
import type { Readable, Writable } from 'node:stream';
import type { Command } from 'commander';
import { BulkClient } from '../client/index.ts';
import type { ExitCode } from './outcome.ts';
import { Output } from './output.ts';

/** A stream that may be a terminal. */
export type TerminalStream = Writable & { isTTY?: boolean; columns?: number; rows?: number };

/** The command's surroundings: those of the process, or a test's. */
export interface Surroundings {
  /** Opened by who reads it. */
  stdin: () => Readable;
  stdout: TerminalStream;
  stderr: TerminalStream;
  /** Asks the command to end; its reason is an Interrupted. */
  signal: AbortSignal;
}

/** Options of all commands. */
export interface GlobalOptions {
  url: URL;
  key?: string;
  output?: 'text' | 'json';
  progress?: boolean;
}

export interface Context {
  client: BulkClient;
  stdin: () => Readable;
  output: Output;
  signal: AbortSignal;
}

/** Makes a command's action of a function that wants what all commands work with. */
export type Run = <Given extends unknown[]>(
  action: (context: Context, ...given: Given) => Promise<ExitCode>,
) => (...given: [...Given, Command]) => Promise<void>;

export function createContext(
  { stdin, stdout, stderr, signal }: Surroundings,
  { url, key, output: kind, progress }: GlobalOptions,
): Context {
  const json = writesJson(kind, stdout);
  // Bars are for a person who looks; --progress draws them where it cannot be told that somebody does.
  const bars = progress ?? (stderr.isTTY === true && !json);
  const output = new Output({ json, bars, stdout, stderr, signal });
  const client = new BulkClient({
    baseUrl: url,
    // An empty variable is one that is not set.
    apiKey: key || undefined,
    onBusy: ({ message, code }, retryInMs) =>
      output.remark(`${message} (${code}); trying again in ${Math.ceil(retryInMs / 1000)} s`),
  });
  return { client, stdin, output, signal };
}

export function writesJson(kind: GlobalOptions['output'], stdout: TerminalStream): boolean {
  return kind === undefined ? !stdout.isTTY : kind === 'json';
}
