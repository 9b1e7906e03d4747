// Bodies of answers as they come in, under back-pressure: whoever stops reading ends the request. One that breaks off is
// an error, never a short file.
import { parse } from 'content-disposition';
import { BulkConnectionError } from './bulk-problem.ts';

/** A file that the service sends. */
export interface ReceivedFile {
  /** As the service names it; null when it does not. */
  fileName: string | null;
  mediaType: string;
  /** To be read once. @throws BulkConnectionError when it breaks off. */
  body: AsyncIterable<Uint8Array>;
}

export function receivedFile(response: Response, signal?: AbortSignal): ReceivedFile {
  const disposition = response.headers.get('content-disposition');
  return {
    fileName: (disposition !== null && parse(disposition).parameters.filename) || null,
    mediaType: response.headers.get('content-type') ?? 'application/octet-stream',
    body: readBody(response, signal),
  };
}

/** @param signal of the request. @throws its reason, or BulkConnectionError when the body breaks off. */
export async function* readBody({ body }: Response, signal?: AbortSignal): AsyncGenerator<Uint8Array, void, undefined> {
  if (!body) return;
  const reader = body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new BulkConnectionError('the answer broke off', error);
  } finally {
    await reader.cancel().catch(() => {
      // It has failed already, and that was said.
    });
  }
}

/** The values of newline-delimited JSON. @throws BulkConnectionError when it is none, or ends within a line. */
export async function* readNdjson<Value>(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Value, void, undefined> {
  const decoder = new TextDecoder();
  const parse = (line: string): Value => {
    try {
      return JSON.parse(line);
    } catch (error) {
      throw new BulkConnectionError("the answer broke off, or is not the service's", error);
    }
  };
  let rest = '';
  for await (const piece of bytes) {
    const lines = (rest + decoder.decode(piece, { stream: true })).split('\n');
    rest = lines.pop() as string;
    for (const line of lines) yield parse(line);
  }
  if (rest !== '') yield parse(rest);
}
