// Writes the line of a key and hashes it on the way: 53 bits, from two multiplicative hashes of 32 bits that are mixed
// at the end (after cyrb53 by bryc, public domain). Equal keys have equal hashes; the seed keeps different keys apart.
import type { ByteBuffer } from './byte-buffer.ts';
import { uuidBytes } from './uuid-words.ts';

const [lineFeed, backslash, capitalA, capitalZ, lowerCaseBit] = [10, 92, 65, 90, 0x20];
const [highStart, lowStart, highFactor, lowFactor] = [0xdeadbeef, 0x41c6ce57, 0x9e3779b1, 0x5f356495];

/**
 * @param source holds the text of a UUID, in lower case, from `start` on.
 * @returns the hash.
 */
export function writeUuidKey(lines: ByteBuffer, source: DataView, start: number, seed: number): number {
  const target = lines.reserve(uuidBytes + 1);
  const { view, length } = lines;
  let high = highStart ^ seed;
  let low = lowStart ^ seed;
  for (let i = 0; i < uuidBytes; i += 4) {
    const word = source.getInt32(start + i);
    view.setInt32(length + i, word);
    high = Math.imul(high ^ (high >>> 15) ^ word, highFactor);
    low = Math.imul(low ^ (low >>> 15) ^ word, lowFactor);
  }
  target[length + uuidBytes] = lineFeed;
  lines.length = length + uuidBytes + 1;
  return mix(high, low);
}

/**
 * @param source holds the key's column in COPY's text format, where in a key only a backslash is ever escaped.
 * @param fold write and hash it in lower case (ASCII only).
 * @returns the hash.
 */
export function writeTextKey(
  lines: ByteBuffer,
  source: Uint8Array,
  start: number,
  end: number,
  fold: boolean,
  seed: number,
): number {
  const target = lines.reserve(end - start + 1);
  let at = lines.length;
  let high = highStart ^ seed;
  let low = lowStart ^ seed;
  for (let i = start; i < end; i++) {
    let byte = source[i] as number;
    if (byte === backslash) byte = source[++i] as number;
    if (fold && byte >= capitalA && byte <= capitalZ) byte |= lowerCaseBit;
    target[at++] = byte;
    high = Math.imul(high ^ byte, highFactor);
    low = Math.imul(low ^ byte, lowFactor);
  }
  target[at++] = lineFeed;
  lines.length = at;
  return mix(high, low);
}

function mix(high: number, low: number): number {
  const top = Math.imul(high ^ (high >>> 16), 0x85ebca6b) ^ Math.imul(low ^ (low >>> 13), 0xc2b2ae35);
  const bottom = Math.imul(low ^ (low >>> 16), 0x85ebca6b) ^ Math.imul(top ^ (top >>> 13), 0xc2b2ae35);
  return (top & 0x1fffff) * 0x1_0000_0000 + (bottom >>> 0);
}
