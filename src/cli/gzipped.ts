export function gzipped(bytes: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  return ReadableStream.from(bytes).pipeThrough(new CompressionStream('gzip'));
}
