// The command as a process: its streams, its signals, its exit code.
import { enableCompileCache } from 'node:module';
import { fileURLToPath } from 'node:url';
import { Interrupted } from './outcome.ts';
import { runBulk } from './run-bulk.ts';

enableCompileCache(fileURLToPath(new URL('../../node_modules/.cache/compile', import.meta.url)));

// What nobody reads is not written; the command learns of it where it matters (output.ts).
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});

process.exitCode = await runBulk(process.argv.slice(2), {
  stdin: () => process.stdin,
  stdout: process.stdout,
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
