// The typed client against a service of its own, over real sockets, with connections that are lost where a test says so.
import { join } from 'node:path';
import type { Test } from 'tap';
import { BulkClient, type HttpOptions } from '../src/client/index.ts';
import { writeRecords } from '../testdata/write-records.ts';
import { build } from './build.ts';
import { listen } from './client.ts';
import { temporaryFolder } from './temporary-folder.ts';

/** For all tests of a file, which must end with `t.end()`. */
export async function startClient(t: Pick<Test, 'after'>) {
  const app = await build(t);
  const baseUrl = await listen(app);
  const folder = await temporaryFolder(t);
  return {
    ...{ app, baseUrl, folder },
    client: new BulkClient({ baseUrl }),
    /** @returns the path of a new file of users. */
    async users(name: string, records: number, seed: number): Promise<string> {
      const path = join(folder, name);
      await writeRecords({ resource: 'users', records, path, seed });
      return path;
    },
    /** A client whose requests pass through `change` on their way. */
    changed(
      change: (url: string, go: () => Promise<Response>, init: RequestInit) => Promise<Response>,
      onBusy?: HttpOptions['onBusy'],
    ) {
      const through: typeof fetch = async (input, init = {}) =>
        await change(String(input), async () => await fetch(input, init), init);
      return new BulkClient({ baseUrl, fetch: through, retryForMs: 2_000, onBusy });
    },
  };
}

export async function collect<Value>(values: AsyncIterable<Value>): Promise<Value[]> {
  const all = [];
  for await (const value of values) all.push(value);
  return all;
}

export async function bytesOf(content: AsyncIterable<Uint8Array>): Promise<Buffer> {
  return Buffer.concat(await collect(content));
}
