// A folder of files with names of our own making. A file appears under its key only when it is complete and on disk;
// nothing that a client sends ever becomes part of a path.
import { createHash, randomUUID } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { access, constants, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';

const partSuffix = '.part';
/** What may wait to be written: with 16 KiB, Node's default, uploads take a quarter longer. */
const writtenAheadBytes = 1024 * 1024;
/** An upload that has not grown for this long was left behind by a process that died. */
const abandonedAfterMs = 3_600_000;

export interface StoredFile {
  key: string;
  bytes: number;
  /** Hexadecimal. */
  sha256: string;
}

export class FileTooLarge extends Error {
  readonly maxBytes: number;
  constructor(maxBytes: number) {
    super(`the file is larger than ${maxBytes} bytes`);
    this.maxBytes = maxBytes;
  }
}

export class FileStore {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /**
   * Makes the folder if need be, and clears away what a dead process left half-written.
   * @throws the file system's error (EACCES …) when the folder cannot be written.
   */
  static async open(folder: string): Promise<FileStore> {
    await mkdir(folder, { recursive: true });
    await access(folder, constants.W_OK | constants.X_OK);
    const store = new FileStore(folder);
    for (const name of await readdir(folder)) {
      if (!name.endsWith(partSuffix)) continue;
      const { mtimeMs } = await stat(path.join(folder, name));
      if (Date.now() - mtimeMs > abandonedAfterMs) await rm(path.join(folder, name), { force: true });
    }
    return store;
  }

  /**
   * Streams `source` to a new file while hashing it. On any failure, abort included, nothing remains.
   * @throws FileTooLarge past `maxBytes`; the source's error; the file system's (ENOSPC …).
   */
  async write(
    source: AsyncIterable<Uint8Array>,
    options: { maxBytes?: number; signal?: AbortSignal } = {},
  ): Promise<StoredFile> {
    const { maxBytes = Number.POSITIVE_INFINITY, signal } = options;
    const key = randomUUID();
    const part = this.path(key) + partSuffix;
    const hash = createHash('sha256');
    let bytes = 0;
    const measure = new Transform({
      transform(block: Buffer, _encoding, done) {
        bytes += block.length;
        hash.update(block);
        if (bytes > maxBytes) done(new FileTooLarge(maxBytes));
        else done(null, block);
      },
    });
    try {
      await pipeline(
        source,
        measure,
        createWriteStream(part, { flags: 'wx', mode: 0o600, flush: true, highWaterMark: writtenAheadBytes }),
        { signal },
      );
      await rename(part, this.path(key));
      await syncFolder(this.#folder);
      return { key, bytes, sha256: hash.digest('hex') };
    } catch (error) {
      await rm(part, { force: true });
      throw error;
    }
  }

  /** A readable stream of the file, or of `start`–`end` (both inclusive) of it. Fails with ENOENT when it is gone. */
  read(key: string, range?: { start: number; end: number }) {
    return createReadStream(this.path(key), { ...range, highWaterMark: 256 * 1024 });
  }

  /** Size in bytes, or null when the file is gone. */
  async size(key: string): Promise<number | null> {
    const found = await stat(this.path(key)).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return null;
      throw error;
    });
    return found?.size ?? null;
  }

  async remove(key: string): Promise<void> {
    await rm(this.path(key), { force: true });
  }

  path(key: string): string {
    if (!/^[0-9a-f-]{36}$/.test(key)) throw new Error('not a key of this store');
    return path.join(this.#folder, key);
  }
}

/** A renamed file survives a power failure only once its folder is on disk as well (fsync(2)). */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
