// Unpacks gzip (RFC 1952). Members that follow each other are one file; zeros after the last one are padding, as for
// gunzip(1); anything else there is damage, because records may have been lost with it.
// What comes out before a fault depends only on the file's bytes: the engine is fed with pieces of a fixed size, one at
// a time. A piece of 16 KiB unpacks to 17 MB at most, which bounds the memory.
import { createGunzip, type Gunzip } from 'node:zlib';
import { FileFault } from './file-fault.ts';

const pieceBytes = 16 * 1024;

/**
 * @param onRead told of every compressed byte that has been taken in.
 * @throws FileFault `damaged_gzip` after what could be unpacked (short of the last 64 KiB before the damage), or
 *   `file_too_large` after exactly `maxBytes` bytes; the source's error unchanged.
 */
export async function* unpack(
  source: AsyncIterable<Uint8Array>,
  maxBytes: number,
  onRead: (bytes: number) => void,
): AsyncGenerator<Uint8Array, void, undefined> {
  const gunzip = createGunzip({ chunkSize: 64 * 1024 });
  let unpacked: Uint8Array[] = [];
  let totalBytes = 0;
  gunzip.on('data', (block: Buffer) => unpacked.push(block));
  // Errors are seen where the engine is waited for; this keeps a late one from ending the process.
  gunzip.on('error', () => {});

  function* takeUnpacked() {
    const blocks = unpacked;
    unpacked = [];
    for (const block of blocks) {
      const room = maxBytes - totalBytes;
      totalBytes += block.length;
      if (block.length <= room) yield block;
      else {
        yield block.subarray(0, room);
        throw new FileFault('file_too_large', `the file is larger than ${maxBytes} bytes when unpacked`);
      }
    }
  }

  try {
    let taken = 0;
    let ended = false;
    for await (const piece of cutEvenly(source)) {
      taken += piece.length;
      onRead(piece.length);
      if (!ended) await settled(gunzip, (done) => gunzip.write(piece, done));
      yield* takeUnpacked();
      // The engine leaves alone what follows the zero byte after a member.
      const left = Math.min(piece.length, taken - gunzip.bytesWritten);
      ended ||= left > 0;
      if (piece.subarray(piece.length - left).some((byte) => byte !== 0)) throw damage('unknown bytes after its end');
    }
    if (!ended) {
      await settled(gunzip, (done) => {
        gunzip.once('end', done);
        gunzip.end();
      });
    }
    yield* takeUnpacked();
  } finally {
    gunzip.destroy();
  }
}

/** The same bytes in pieces of `pieceBytes`, all in the same memory: a piece is valid until the next one. */
async function* cutEvenly(source: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer, void, undefined> {
  const piece = Buffer.allocUnsafeSlow(pieceBytes);
  let filled = 0;
  for await (const block of source) {
    for (let at = 0; at < block.length; ) {
      const part = block.subarray(at, at + pieceBytes - filled);
      piece.set(part, filled);
      filled += part.length;
      at += part.length;
      if (filled < pieceBytes) break;
      yield piece;
      filled = 0;
    }
  }
  if (filled > 0) yield piece.subarray(0, filled);
}

/** Waits for a step of the engine, or its error. */
async function settled(gunzip: Gunzip, step: (done: (error?: Error | null) => void) => void): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const fail = (error: NodeJS.ErrnoException) =>
      reject(/^Z_(DATA|BUF)_ERROR$|^Z_NEED_DICT$/.test(error.code ?? '') ? damage(error.message, error) : error);
    gunzip.once('error', fail);
    step((error) => {
      if (error) return fail(error);
      gunzip.off('error', fail);
      resolve();
    });
  });
}

function damage(reason: string, cause?: Error): FileFault {
  const endsEarly = (cause as NodeJS.ErrnoException | undefined)?.code === 'Z_BUF_ERROR';
  return new FileFault('damaged_gzip', `the gzip file is damaged: ${reason}`, undefined, { cause, endsEarly });
}
