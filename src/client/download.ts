// The file of an export job, whole and undamaged: goes on by Range where a connection broke off, and compares the SHA-256
// at the end.
import type { Hash } from 'node:crypto';
import { BulkChecksumError, BulkConnectionError, BulkProblem, isPassing } from './bulk-problem.ts';
import type { Http } from './http.ts';
import { pause } from './pause.ts';
import { readBody } from './read-body.ts';
import type { Export } from './types.ts';

export interface DownloadFrom {
  /** Of the file's bytes before `offset`; goes on with the rest. */
  hash: Hash;
  offset: number;
  /** Of the whole file, hexadecimal. */
  sha256: string;
  signal?: AbortSignal;
}

/** Attempts in a row that bring no byte. */
const maxFruitless = 6;
const firstBackOffMs = 250;
/** At a job that has no file yet, and has one when the file is asked for. */
const maxLooks = 3;

/**
 * @param path of the export.
 * @returns the export, which has a file. @throws BulkProblem export_not_ready, export_expired, as the download itself would.
 */
export async function findFile(http: Http, path: string, signal?: AbortSignal): Promise<Export & { sha256: string }> {
  for (let look = 0; look < maxLooks; look++) {
    const job = await http.json<Export>(path, { signal });
    const { sha256, download_url } = job;
    if (sha256 !== undefined && download_url !== undefined) return { ...job, sha256 };
    const { body } = await http.send(`${path}/download`, { signal });
    await body?.cancel();
  }
  throw new BulkConnectionError('the service gives a file of which it says that there is none', null);
}

/** @param path of the export. @throws BulkChecksumError after the last byte; BulkProblem; BulkConnectionError once attempts bring nothing more. */
export async function* download(
  http: Http,
  path: string,
  { hash, offset, sha256, signal }: DownloadFrom,
): AsyncGenerator<Uint8Array, void, undefined> {
  for (let fruitless = 0; ; ) {
    try {
      for await (const piece of await openRest(http, path, offset, sha256, signal)) {
        fruitless = 0;
        offset += piece.byteLength;
        hash.update(piece);
        yield piece;
      }
      break;
    } catch (error) {
      if (!isPassing(error) || signal?.aborted || ++fruitless >= maxFruitless) throw error;
      await pause(firstBackOffMs * 2 ** (fruitless - 1), signal);
    }
  }
  const received = hash.digest('hex');
  if (received !== sha256) throw new BulkChecksumError(sha256, received);
}

/** @param offset more than 0: the rest from there on, which is nothing when that is the end. */
async function openRest(http: Http, path: string, offset: number, sha256: string, signal?: AbortSignal) {
  const range = { range: `bytes=${offset}-`, 'if-range': `"${sha256}"` };
  try {
    // Fewer bytes would be on the way, but a Range counts those of the file.
    const headers = { 'accept-encoding': 'identity', ...(offset > 0 ? range : {}) };
    const response = await http.send(`${path}/download`, { headers, signal });
    if (offset > 0 && response.status !== 206) {
      await response.body?.cancel();
      throw new BulkConnectionError('the download cannot go on where it broke off', null);
    }
    return readBody(response, signal);
  } catch (error) {
    if (offset > 0 && error instanceof BulkProblem && error.code === 'range_not_satisfiable') return nothing();
    throw error;
  }
}

async function* nothing(): AsyncGenerator<Uint8Array, void, undefined> {}
