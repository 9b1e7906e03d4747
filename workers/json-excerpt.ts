// The beginning of a value's JSON text, made without the rest of it: what a client sends may be 8 MiB long, or nested so
// deeply that JSON.stringify() runs out of stack (2 million brackets do).

/**
 * @param value came out of JSON.parse().
 * @returns the first `maxCharacters` of what JSON.stringify() would give, or a few more.
 */
export function jsonExcerpt(value: unknown, maxCharacters: number): string {
  const writer = { text: '', maxCharacters };
  write(value, writer);
  return writer.text;
}

interface Writer {
  text: string;
  readonly maxCharacters: number;
}

/** Each level writes a bracket first, so no more levels are entered than characters are wanted. */
function write(value: unknown, to: Writer): void {
  if (Array.isArray(value)) writeAll(value, to, '[', ']', (element) => write(element, to));
  else if (typeof value === 'object' && value !== null) {
    writeAll(ownKeys(value), to, '{', '}', (key) => {
      to.text += `${JSON.stringify(key)}:`;
      write((value as Record<string, unknown>)[key], to);
    });
  } else if (typeof value === 'string') to.text += JSON.stringify(value.slice(0, to.maxCharacters + 1));
  else to.text += JSON.stringify(value);
}

function writeAll<T>(parts: Iterable<T>, to: Writer, open: string, close: string, writePart: (part: T) => void): void {
  to.text += open;
  let first = true;
  for (const part of parts) {
    if (to.text.length >= to.maxCharacters) return;
    if (!first) to.text += ',';
    first = false;
    writePart(part);
  }
  to.text += close;
}

function* ownKeys(value: object): Generator<string> {
  for (const key in value) if (Object.hasOwn(value, key)) yield key;
}
