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
    const { openAsBlob, promises } = nodeModule('node:fs');
    const { basename } = nodeModule('node:path');
    // A pipe would be waited for until somebody writes into it, and the process with it.
    if (!(await promises.stat(source)).isFile()) throw new TypeError(`${source} is no ordinary file; give a stream`);
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
    throw explainUnread(error);
  }
  return hash.digest('hex');
}

/** What was to be sent could not be read: in the place of its error, which fetch would tell as a lost connection. */
class SourceFailure extends Error {}

/** What is read of a source on its way out. @throws SourceFailure. */
export async function* readSource(content: Blob | AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* content instanceof Blob ? content.stream() : content;
  } catch (error) {
    throw new SourceFailure('the source failed', { cause: explainUnread(error) });
  }
}

/** @returns the error of the source that made a request fail; null when it failed otherwise. @param error of fetch. */
export function sourceFailure(error: unknown): { error: unknown } | null {
  const found = [error, (error as Error).cause].find((one) => one instanceof SourceFailure);
  if (found) return { error: found.cause };
  // A Blob that is sent as it is.
  const unread = explainUnread(error);
  return unread === error ? null : { error: unread };
}

/** @returns what it means that a Blob could not be read; other errors as they are. @param error of the reader, or of fetch. */
function explainUnread(error: unknown): unknown {
  const { name, cause } = (error ?? {}) as Error;
  const unreadable = name === 'NotReadableError' || (cause as Error | undefined)?.name === 'NotReadableError';
  return unreadable ? new Error('the file changed, or was removed, while it was sent', { cause: error }) : error;
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
