// UUIDs as text and as their sixteen bytes (RFC 9562, section 4).

export const uuidBytes = 16;

/** The value of a hexadecimal digit, by character code. */
const digitValues = new Uint8Array(128);
for (const [value, digit] of [...'0123456789abcdef'].entries()) {
  digitValues[digit.charCodeAt(0)] = value;
  digitValues[digit.toUpperCase().charCodeAt(0)] = value;
}

/** @param text a valid UUID, in either case. */
export function writeUuid(target: Uint8Array, at: number, text: string): void {
  let from = 0;
  for (let i = 0; i < uuidBytes; i++) {
    if (i === 4 || i === 6 || i === 8 || i === 10) from++;
    const high = digitValues[text.charCodeAt(from) & 127] as number;
    target[at + i] = (high << 4) | (digitValues[text.charCodeAt(from + 1) & 127] as number);
    from += 2;
  }
}

/** @returns the UUID in lower case. */
export function readUuid(source: Buffer, at: number): string {
  const digits = source.toString('hex', at, at + uuidBytes);
  return `${digits.slice(0, 8)}-${digits.slice(8, 12)}-${digits.slice(12, 16)}-${digits.slice(16, 20)}-${digits.slice(20)}`;
}
