// A remote file into the store, under limits of size and time. It is fetched before the job is made, as an upload is
// received: an accepted job has its whole file, hashed and at rest, and no later attempt can meet another one.
import { type FileStore, FileTooLarge, type StoredFile } from '../file-store.ts';
import type { AddressRules } from './find-addresses.ts';
import { openRemoteFile, readToEnd } from './open-remote-file.ts';
import { RemoteFault } from './remote-fault.ts';

/** Longest silence of a server. */
const defaultStallMs = 30_000;

export interface FetchOptions extends AddressRules {
  store: FileStore;
  maxBytes: number;
  /** Passes on the content, or throws when there is too much of it. */
  meter?(content: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array>;
  /** From the first look-up to the last byte. */
  timeoutMs: number;
  /** Default 30 seconds. */
  stallMs?: number;
  /** Whoever asked for the file has gone. */
  signal: AbortSignal;
}

export interface FetchedFile {
  stored: StoredFile;
  /** The server sent it gzipped, whatever its name says. */
  gzip: boolean;
}

/** @throws RemoteFault; FileTooLarge; the signal's reason; what the store throws. In each case nothing remains. */
export async function fetchFile(url: URL, options: FetchOptions): Promise<FetchedFile> {
  const { store, maxBytes, meter = (content) => content, timeoutMs, stallMs = defaultStallMs, ...rules } = options;
  const { signal: gone } = options;
  const late = AbortSignal.timeout(timeoutMs);
  const signal = AbortSignal.any([gone, late]);
  try {
    const { response, bytes, gzip } = await openRemoteFile(url, { ...rules, stallMs, signal });
    try {
      if (bytes !== undefined && bytes > maxBytes) throw new FileTooLarge(maxBytes);
      return { stored: await store.write(meter(readToEnd(response)), { maxBytes, signal }), gzip };
    } finally {
      // Not everybody who refuses it has begun to read.
      response.destroy();
    }
  } catch (error) {
    gone.throwIfAborted();
    if (late.aborted) {
      throw new RemoteFault(
        'file_url_failed',
        `the file did not arrive within ${timeoutMs / 1_000} s (REMOTE_TIMEOUT)`,
      );
    }
    throw error;
  }
}
