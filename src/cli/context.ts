// What every command works with: the client, the output, and the signal that ends it.
import { BulkClient } from '../client/index.ts';
import { Interrupted } from './outcome.ts';
import { Output } from './output.ts';

/** Options of all commands. */
export interface GlobalOptions {
  url: URL;
  key?: string;
  output?: 'text' | 'json';
  progress?: boolean;
}

export interface Context {
  client: BulkClient;
  output: Output;
  signal: AbortSignal;
}

export function createContext({ url, key, output, progress }: GlobalOptions): Context {
  const json = output === undefined ? !process.stdout.isTTY : output === 'json';
  // Bars are for a person who looks; --progress draws them where it cannot be told that somebody does.
  const bars = progress ?? (process.stderr.isTTY === true && !json);
  return {
    client: new BulkClient({ baseUrl: url, apiKey: key }),
    output: new Output({ json, bars }),
    signal: signalOfSignals(),
  };
}

/** Aborted by the first Ctrl-C or SIGTERM; the second one ends the process at once. */
function signalOfSignals(): AbortSignal {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.once(name, () => controller.abort(new Interrupted(name)));
  }
  return controller.signal;
}
