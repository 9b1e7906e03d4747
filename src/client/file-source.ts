// Where the bytes of an upload come from. A path and a Blob can be read more than once: they are hashed before they are
// sent, so that a repeated request is known as one. A stream can be read only once: it is passed on as it comes. Neither is
// ever held in memory.
import type { Hash } from 'node:crypto';

/** A path (Node), a Blob or File, or a stream. */
export type FileSource = string | Blob | AsyncIterable<Uint8Array>;

/** Reports bytes as they are read on their way out; `total` is null when it is not known. */
export type OnBytes = (sent: number, total: number | null) => void;

/** @returns the Blob of a path, read from disk only as far as it is asked for; other sources as they are. */
export async function openSource(source: string | Blob): Promise<{ content: Blob; fileName: string | null }>;
export async function openSource(
  source: FileSource,
): Promise<{ content: Blob | AsyncIterable<Uint8Array>; fileName: string | null }>;
export async function openSource(
  source: FileSource,
): Promise<{ content: Blob | AsyncIterable<Uint8Array>; fileName: string | null }> {
  if (typeof source === 'string') {
    const { openAsBlob } = nodeModule('node:fs');
    const { basename } = nodeModule('node:path');
    return { content: await openAsBlob(source), fileName: basename(source) };
  }
  const { name } = source as { name?: unknown };
  return { content: source, fileName: typeof name === 'string' && name !== '' ? name : null };
}

/** @returns hexadecimal; null where nothing can hash that much without holding it: browsers. @throws the signal's reason. */
export async function sha256Of(content: Blob, signal?: AbortSignal): Promise<string | null> {
  if (!isNode()) return null;
  const hash = startHash();
  try {
    for await (const piece of content.stream()) {
      signal?.throwIfAborted();
      hash.update(piece);
    }
  } catch (error) {
    throw changedFile(error) ?? error;
  }
  return hash.digest('hex');
}

/** @returns what it means that a Blob could not be read; null of other errors. @param error of the reader, or of fetch. */
export function changedFile(error: unknown): Error | null {
  const { name, cause } = error as Error;
  const unreadable = name === 'NotReadableError' || (cause as Error | undefined)?.name === 'NotReadableError';
  return unreadable ? new Error('the file changed, or was removed, while it was sent', { cause: error }) : null;
}

/** SHA-256, in Node. */
export function startHash(): Hash {
  return nodeModule('node:crypto').createHash('sha256');
}

export function isNode(): boolean {
  return typeof globalThis.process?.getBuiltinModule === 'function';
}

/** A module of Node, without an import that bundlers for browsers would stumble over. */
export function nodeModule<Name extends keyof NodeModules>(name: Name): NodeModules[Name] {
  if (!isNode()) throw new TypeError('paths are for Node; give a Blob here');
  return process.getBuiltinModule(name) as NodeModules[Name];
}

interface NodeModules {
  'node:crypto': typeof import('node:crypto');
  'node:fs': typeof import('node:fs');
  'node:path': typeof import('node:path');
}
