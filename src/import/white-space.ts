import type { ByteInput } from './byte-input.ts';
import type { Place } from './splitter.ts';

/**
 * Moves `place` past the white space of RFC 8259 (blank, tab, CR, LF), counting lines.
 * @returns false when the bytes there are end before anything else comes.
 */
export function skipWhiteSpace(input: ByteInput, place: Place): boolean {
  const { bytes, offset } = input;
  let at = place.position - offset;
  for (; at < bytes.length; at++) {
    const byte = bytes[at];
    if (byte === 0x0a) place.line++;
    else if (byte !== 0x20 && byte !== 0x09 && byte !== 0x0d) break;
  }
  place.position = offset + at;
  return at < bytes.length;
}
