// The command as a process: its streams, its signals, its exit code.
import { createWriteStream, fstatSync } from 'node:fs';
import { enableCompileCache } from 'node:module';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { TerminalStream } from './context.ts';
import { Interrupted, UsageError } from './outcome.ts';
import { runBulk } from './run-bulk.ts';

enableCompileCache(fileURLToPath(new URL('../../node_modules/.cache/compile', import.meta.url)));

/** Node's own stream to a file takes what was written in part, on a disk that is full, for all of it. */
const stdout: TerminalStream = fstatSync(1).isFile()
  ? createWriteStream('', { fd: 1, autoClose: false })
  : process.stdout;

// What nobody reads is not written; the command learns of it where it matters (output.ts).
for (const stream of [stdout, process.stderr]) stream.on('error', () => {});

/** Node takes a folder for an empty file. */
function openStdin(): Readable {
  if (fstatSync(0).isDirectory()) throw new UsageError('stdin is a folder');
  return process.stdin;
}

process.exitCode = await runBulk(process.argv.slice(2), {
  stdin: openStdin,
  stdout,
  stderr: process.stderr,
  signal: signalOfSignals(),
});

/** Aborted by the first Ctrl-C or SIGTERM; the second one ends the process at once. */
function signalOfSignals(): AbortSignal {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.once(name, () => controller.abort(new Interrupted(name)));
  }
  return controller.signal;
}
