// A folder of files with names of our own making. A file appears under its key only when it is complete and on disk;
// nothing that a client sends ever becomes part of a path.
import { createHash, randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { access, constants, open, opendir, rename, rm, stat, statfs, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { type Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { makeFolder } from '../db/make-folder.ts';

const partSuffix = '.part';
/** What may wait to be written: with 16 KiB, Node's default, uploads take a quarter longer. */
const writtenAheadBytes = 1024 * 1024;
const keyPattern = /^[0-9a-f-]{36}$/;
/** A file that is being written is never older than this, however slowly its bytes come. */
const defaultTouchMs = 600_000;

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

export interface FileStoreOptions {
  /** A UUID whose first part begins every key: it tells the files of one database from those of another. Default: none. */
  origin?: string;
  /** How often a file that is being written is marked as such. Default 10 minutes. */
  touchMs?: number;
}

/** A file of a store, complete or not. */
export interface FoundFile {
  key: string;
  complete: boolean;
  /** When it was last written, or marked as being written. */
  modifiedAt: Date;
}

export class FileStore {
  readonly #folder: string;
  readonly #keyPrefix: string;
  readonly #touchMs: number;
  #writtenBytes = 0;

  private constructor(folder: string, { origin = '', touchMs = defaultTouchMs }: FileStoreOptions) {
    this.#folder = folder;
    this.#keyPrefix = origin.slice(0, 8);
    this.#touchMs = touchMs;
  }

  /**
   * Makes the folder if need be.
   * @throws the file system's error (EACCES …) when the folder cannot be written.
   */
  static async open(folder: string, options: FileStoreOptions = {}): Promise<FileStore> {
    await makeFolder(folder);
    await access(folder, constants.W_OK | constants.X_OK);
    return new FileStore(folder, options);
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
    const key = this.#newKey();
    const part = this.path(key) + partSuffix;
    // Before the file is there, and after it was renamed, there is nothing to mark.
    const touching = setInterval(() => this.#touch(part).catch(() => {}), this.#touchMs).unref();
    const hash = createHash('sha256');
    let bytes = 0;
    const count = (length: number) => {
      this.#writtenBytes += length;
    };
    const measure = new Transform({
      transform(block: Buffer, _encoding, done) {
        bytes += block.length;
        count(block.length);
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
      for (const path of [part, this.path(key)]) await rm(path, { force: true });
      throw error;
    } finally {
      clearInterval(touching);
    }
  }

  /** Since the start, of files that were given up too. */
  get writtenBytes(): number {
    return this.#writtenBytes;
  }

  /** @throws the file system's error when files cannot be written here. */
  async findRoom(): Promise<{ sizeBytes: number; freeBytes: number }> {
    await access(this.#folder, constants.W_OK);
    const { bavail, blocks, bsize } = await statfs(this.#folder);
    return { sizeBytes: blocks * bsize, freeBytes: bavail * bsize };
  }

  /**
   * The time by which the folder's files are dated, which need not be this process's: an empty one is made, asked and
   * removed.
   * @throws the file system's error (ENOSPC …).
   */
  async readClock(): Promise<Date> {
    const mark = this.path(this.#newKey()) + partSuffix;
    try {
      await writeFile(mark, '', { flag: 'wx', mode: 0o600 });
      return (await stat(mark)).mtime;
    } finally {
      await rm(mark, { force: true });
    }
  }

  /** The files of this origin, half-written ones too; others that lie in the folder are passed over. */
  async *list(): AsyncGenerator<FoundFile> {
    for await (const { name } of await opendir(this.#folder)) {
      const complete = !name.endsWith(partSuffix);
      const key = complete ? name : name.slice(0, -partSuffix.length);
      if (!keyPattern.test(key) || !key.startsWith(this.#keyPrefix)) continue;
      const found = await unlessGone(stat(path.join(this.#folder, name)));
      if (found) yield { key, complete, modifiedAt: found.mtime };
    }
  }

  /** The file, or `start`–`end` (both inclusive) of it; null when it is gone. Open, so that it can be removed meanwhile. */
  async read(key: string, range?: { start: number; end: number }): Promise<Readable | null> {
    const file = await unlessGone(open(this.path(key)));
    return file?.createReadStream({ ...range, highWaterMark: 256 * 1024 }) ?? null;
  }

  /** Size in bytes, or null when the file is gone. */
  async size(key: string): Promise<number | null> {
    return (await unlessGone(stat(this.path(key))))?.size ?? null;
  }

  async remove(key: string, complete = true): Promise<void> {
    await rm(complete ? this.path(key) : this.path(key) + partSuffix, { force: true });
  }

  path(key: string): string {
    if (!keyPattern.test(key)) throw new Error('not a key of this store');
    return path.join(this.#folder, key);
  }

  async #touch(file: string): Promise<void> {
    const now = await this.readClock();
    await utimes(file, now, now);
  }

  #newKey(): string {
    return this.#keyPrefix + randomUUID().slice(this.#keyPrefix.length);
  }
}

/** null: the file is gone. */
async function unlessGone<Found>(finding: Promise<Found>): Promise<Found | null> {
  return await finding.catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
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
