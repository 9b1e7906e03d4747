// Node: files that are there whole or not at all. Bytes go to a file beside the one that is asked for, which takes its place
// when the last of them is written.
import type { Hash } from 'node:crypto';
import { BulkChecksumError } from './bulk-problem.ts';
import { nodeModule, startHash } from './file-source.ts';

type Bytes = AsyncIterable<Uint8Array>;

/** What is there and is no ordinary file (/dev/null, a pipe) cannot be replaced: it is written to. */
async function targetOf(path: string): Promise<{ replaced: string | null }> {
  const { lstat, realpath, stat } = nodeModule('node:fs').promises;
  const found = await stat(path).catch(unlessMissing);
  if (found && !found.isFile()) return { replaced: null };
  const isLink = found && (await lstat(path)).isSymbolicLink();
  return { replaced: isLink ? await realpath(path) : path };
}

/**
 * @param open gives the bytes; called once the file can be written, so that nothing is asked for in vain and left unread.
 * @throws what it and they throw; then there is no file, or the one that was there before.
 */
export async function saveFile(path: string, open: () => Bytes | Promise<Bytes>): Promise<void> {
  const { rename, rm } = nodeModule('node:fs').promises;
  const { replaced } = await targetOf(path);
  if (replaced === null) return await write(path, open);
  const temporary = besides(replaced, `${process.pid}.part`);
  try {
    await write(temporary, open);
    await rename(temporary, replaced);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/**
 * The same for a download that can be gone on with: what breaks off stays, for the next call with this `name`, as does what
 * a process left that was killed. A call meanwhile begins anew.
 * @param open gives the bytes from `offset` on, those before being in `hash`; throws after the last when they are damaged.
 */
export async function saveDownload(
  path: string,
  name: string,
  total: number,
  onBytes: ((received: number, total: number) => void) | undefined,
  open: (hash: Hash, offset: number) => Bytes,
  signal?: AbortSignal,
): Promise<void> {
  const { rename, rm, stat } = nodeModule('node:fs').promises;
  const { basename } = nodeModule('node:path');
  const { replaced } = await targetOf(path);
  if (replaced === null) return await write(path, () => counted(open(startHash(), 0), 0, total, onBytes));
  const left = besides(replaced, `${name}.part`);
  // One call alone may go on with it. A name of its own keeps another one from writing into the same file.
  const part = besides(replaced, `${name}.${process.pid}.${crypto.randomUUID()}.part`);
  inUse.add(basename(part));
  try {
    for (const abandoned of await abandonedParts(replaced, name)) await rename(abandoned, left).catch(unlessMissing);
    await rename(left, part).catch(unlessMissing);
    const { hash, bytes } = await hashOf(part, signal);
    await write(part, () => counted(open(hash, bytes), bytes, total, onBytes), 'a');
    const { size } = await stat(part);
    // Somebody else may have written into it: a process that this one cannot see, in another container.
    if (size !== total) throw new BulkChecksumError(total, size, 'size');
    await rename(part, replaced);
  } catch (error) {
    // To go on with damaged bytes would be damaged for ever.
    if ((error as Error).name === 'BulkChecksumError') await rm(part, { force: true });
    else await rename(part, left).catch(unlessMissing);
    throw error;
  } finally {
    inUse.delete(basename(part));
  }
}

/** Parts that this process writes: an earlier one may have had its pid. */
const inUse = new Set<string>();

/** Those of processes that do not run any more. */
async function abandonedParts(path: string, name: string): Promise<string[]> {
  const { basename, dirname, join } = nodeModule('node:path');
  const prefix = basename(besides(path, `${name}.`));
  const files = await nodeModule('node:fs').promises.readdir(dirname(path));
  return files.flatMap((file) => {
    const pid = file.startsWith(prefix) ? /^(\d+)\..+\.part$/.exec(file.slice(prefix.length))?.[1] : undefined;
    if (pid === undefined) return [];
    const used = Number(pid) === process.pid ? inUse.has(file) : isRunning(Number(pid));
    return used ? [] : [join(dirname(path), file)];
  });
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    // EPERM: somebody else's.
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

async function hashOf(path: string, signal?: AbortSignal): Promise<{ hash: Hash; bytes: number }> {
  const hash = startHash();
  let bytes = 0;
  try {
    for await (const piece of nodeModule('node:fs').createReadStream(path)) {
      signal?.throwIfAborted();
      hash.update(piece);
      bytes += piece.length;
    }
  } catch (error) {
    unlessMissing(error);
  }
  return { hash, bytes };
}

async function* counted(bytes: Bytes, from: number, total: number, onBytes?: (n: number, total: number) => void) {
  let received = from;
  for await (const piece of bytes) {
    onBytes?.((received += piece.byteLength), total);
    yield piece;
  }
}

async function write(path: string, open: () => Bytes | Promise<Bytes>, flags: 'w' | 'a' = 'w'): Promise<void> {
  const file = await nodeModule('node:fs').promises.open(path, flags);
  try {
    for await (const piece of await open()) await file.appendFile(piece);
    await file.datasync().catch((error: NodeJS.ErrnoException) => {
      // Pipes and devices have nothing to be synced.
      if (!['EINVAL', 'ENOTSUP'].includes(error.code ?? '')) throw error;
    });
  } finally {
    await file.close();
  }
}

function besides(path: string, ending: string): string {
  const { basename, dirname, join } = nodeModule('node:path');
  return join(dirname(path), `.${basename(path)}.${ending}`);
}

function unlessMissing(error: unknown): null {
  if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
  throw error;
}
