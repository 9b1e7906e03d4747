// The memory of chunks is used again, by one chunk at a time.
import t from 'tap';
import { createChunkMemory } from '../../src/import/chunk-memory.ts';

const kibibyte = 1024;

t.test('a buffer that was given back is taken again, and those who gave it have it no more', async (t) => {
  const { bytes } = createChunkMemory(64 * kibibyte, 0, 2);
  const first = bytes.take(10 * kibibyte);
  t.ok(first.byteLength >= 10 * kibibyte && first.byteLength < 20 * kibibyte, 'not as large as a chunk may be');
  new Uint8Array(first)[0] = 7;
  bytes.give(first);
  t.ok(first.detached);
  bytes.give(first);

  const again = bytes.take(9 * kibibyte);
  t.equal(new Uint8Array(again)[0], 7, 'the same memory');
  t.equal(new Uint8Array(bytes.take(9 * kibibyte))[0], 0, 'not the same memory twice');
});

t.test('few are kept, the largest that are of use', async (t) => {
  const { bytes } = createChunkMemory(64 * kibibyte, 0, 2);
  const sizes = [8, 64, 16, 640].map((size) => size * kibibyte);
  for (const [n, buffer] of sizes.map((size) => bytes.take(size)).entries()) {
    new Uint8Array(buffer)[0] = n + 1;
    bytes.give(buffer);
  }
  t.equal(new Uint8Array(bytes.take(1))[0], 3, 'the smallest that suffices');
  t.equal(new Uint8Array(bytes.take(1))[0], 2);
  t.equal(new Uint8Array(bytes.take(1))[0], 0, 'a new one');
});
