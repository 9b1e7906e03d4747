// Hashes of keys: 53 bits, from two multiplicative hashes of 32 bits that are mixed at the end (after cyrb53 by bryc,
// public domain). Equal keys have equal hashes; the seed keeps the fields of a resource apart.
import { uuidBytes } from './uuid-text.ts';

const [capitalA, capitalZ, lowerCaseBit] = [65, 90, 0x20];
const [highStart, lowStart, highFactor, lowFactor] = [0xdeadbeef, 0x41c6ce57, 0x9e3779b1, 0x5f356495];

/** @param source holds the bytes of a UUID from `start` on. */
export function hashUuid(source: DataView, start: number, seed: number): number {
  let high = highStart ^ seed;
  let low = lowStart ^ seed;
  for (let i = start; i < start + uuidBytes; i += 4) {
    const word = source.getInt32(i);
    high = Math.imul(high ^ (high >>> 15) ^ word, highFactor);
    low = Math.imul(low ^ (low >>> 15) ^ word, lowFactor);
  }
  return mix(high, low);
}

/**
 * @param source holds the key's text from `start` to `end` (exclusive).
 * @param fold hash it as if it were in lower case (ASCII only).
 */
export function hashText(source: Uint8Array, start: number, end: number, fold: boolean, seed: number): number {
  let high = highStart ^ seed;
  let low = lowStart ^ seed;
  for (let i = start; i < end; i++) {
    let byte = source[i] as number;
    if (fold && byte >= capitalA && byte <= capitalZ) byte |= lowerCaseBit;
    high = Math.imul(high ^ byte, highFactor);
    low = Math.imul(low ^ byte, lowFactor);
  }
  return mix(high, low);
}

function mix(high: number, low: number): number {
  const top = Math.imul(high ^ (high >>> 16), 0x85ebca6b) ^ Math.imul(low ^ (low >>> 13), 0xc2b2ae35);
  const bottom = Math.imul(low ^ (low >>> 16), 0x85ebca6b) ^ Math.imul(top ^ (top >>> 13), 0xc2b2ae35);
  return (top & 0x1fffff) * 0x1_0000_0000 + (bottom >>> 0);
}
