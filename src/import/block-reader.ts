// Reads a file from its beginning to its end, in blocks that lie in the same two pieces of memory in turn: while one is
// looked at, the other is filled. (fs.createReadStream takes new memory for each.)
import { type FileHandle, open } from 'node:fs/promises';
import { Readable } from 'node:stream';

const blockBytes = 256 * 1024;

/** A stream of Buffers; each is valid until the next but one is asked for, so take one at a time (`for await`). */
export class BlockReader extends Readable {
  readonly #path: string;
  readonly #blocks = [Buffer.allocUnsafeSlow(blockBytes), Buffer.allocUnsafeSlow(blockBytes)] as const;
  #next: 0 | 1 = 0;
  #file: FileHandle | null = null;

  /** The stream fails with ENOENT when there is no such file. */
  constructor(path: string) {
    // One block waits, and no other is read meanwhile.
    super({ objectMode: true, highWaterMark: 1 });
    this.#path = path;
  }

  override _construct(done: (error?: Error | null) => void): void {
    open(this.#path).then((file) => {
      this.#file = file;
      done();
    }, done);
  }

  override _read(): void {
    const block = this.#blocks[this.#next];
    this.#next = this.#next === 0 ? 1 : 0;
    (this.#file as FileHandle).read(block, 0, blockBytes).then(
      ({ bytesRead }) => this.push(bytesRead === 0 ? null : block.subarray(0, bytesRead)),
      (error) => this.destroy(error),
    );
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    if (this.#file) this.#file.close().then(() => done(error), done);
    else done(error);
  }
}
