// Reads a file from its beginning to its end, in blocks that lie in the same two pieces of memory in turn: while one is
// looked at, the other is filled. (fs.createReadStream takes new memory for each.)
import { type FileHandle, open } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { JobFault } from './job-fault.ts';

const blockBytes = 256 * 1024;

/** A stream of Buffers; each is valid until the next but one is asked for, so take one at a time (`for await`). */
export class BlockReader extends Readable {
  readonly #path: string;
  readonly #size: number;
  #read = 0;
  readonly #blocks = [Buffer.allocUnsafeSlow(blockBytes), Buffer.allocUnsafeSlow(blockBytes)] as const;
  #next: 0 | 1 = 0;
  #file: FileHandle | null = null;

  /**
   * The stream fails with ENOENT when there is no such file, and with JobFault `upload_gone` where it ends too early: half
   * a CSV looks like a whole one.
   * @param size in bytes, as it was stored.
   */
  constructor(path: string, size: number) {
    // One block waits, and no other is read meanwhile.
    super({ objectMode: true, highWaterMark: 1 });
    this.#path = path;
    this.#size = size;
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
      ({ bytesRead }) => {
        this.#read += bytesRead;
        if (bytesRead > 0) this.push(block.subarray(0, bytesRead));
        else if (this.#read < this.#size) this.destroy(this.#endsEarly());
        else this.push(null);
      },
      (error) => this.destroy(error),
    );
  }

  #endsEarly(): JobFault {
    return new JobFault(
      'upload_gone',
      `of the uploaded file only ${this.#read} of ${this.#size} bytes are still stored`,
    );
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    if (this.#file) this.#file.close().then(() => done(error), done);
    else done(error);
  }
}
