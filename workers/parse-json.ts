// JSON.parse() for what strangers send. Eight megabytes of `{},` become 180 MB of objects: more than the heap of a parse
// thread, which would end with all it was doing. So a long text is counted before it is parsed.

/** Half a million objects take 32 MB. */
export const maxJsonValues = 500_000;

/** A text this short cannot hold too many values; nearly all records are shorter, and are not looked at twice. */
const countedFromLength = 2 * maxJsonValues;

const [quote, comma, backslash, openBracket, openBrace] = [0x22, 0x2c, 0x5c, 0x5b, 0x7b];

/** @throws SyntaxError of JSON.parse(), or when the text holds more than `maxJsonValues` values. */
export function parseJson(text: string): unknown {
  if (text.length > countedFromLength && hasTooManyValues(text)) {
    throw new SyntaxError(`more than ${maxJsonValues} values`);
  }
  return JSON.parse(text);
}

/** Every value but the first follows a comma or an opening bracket. The text need not be JSON. */
function hasTooManyValues(text: string): boolean {
  let values = 1;
  for (let at = 0; at < text.length; at++) {
    const char = text.charCodeAt(at);
    if (char === quote) at = endOfString(text, at);
    else if (char === comma || char === openBracket || char === openBrace) {
      if (++values > maxJsonValues) return true;
    }
  }
  return false;
}

/** @param start of its opening quote. @returns the place of the closing one, or the end of the text. */
export function endOfString(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    const char = text.charCodeAt(at);
    if (char === quote) return at;
    if (char === backslash) at++;
  }
  return text.length;
}
