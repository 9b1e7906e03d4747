// The text of a value as it stands in a record. What JSON.parse() makes of it may be something else: 12345678901234567890
// becomes 12345678901234567000, 1e400 is no number any more. Its reviver is told the text, but runs out of stack where arrays are
// nested deeply, and keeps all values of a record, of which there may be half a million.
import { endOfString } from './parse-json.ts';

const [quote, comma, colon, openBracket, closeBracket, openBrace, closeBrace] = [
  0x22, 0x2c, 0x3a, 0x5b, 0x5d, 0x7b, 0x7d,
];

/**
 * @param text of an object; JSON.parse() has taken it.
 * @returns the text of its property of that name, of the last one when there are several; undefined: there is none.
 */
export function jsonSource(text: string, name: string): string | undefined {
  let found: string | undefined;
  let depth = 0;
  /** The last string of the object itself: before a colon, a name. */
  let string = '';
  /** Where the value of a property of that name starts; -1: this is none. */
  let from = -1;
  for (let at = 0; at < text.length; at++) {
    const char = text.charCodeAt(at);
    if (char === quote) {
      const end = endOfString(text, at);
      if (depth === 1) string = text.slice(at, end + 1);
      at = end;
    } else if (char === openBrace || char === openBracket) depth++;
    else if (char === colon && depth === 1) from = nameOf(string) === name ? at + 1 : -1;
    else if (char === comma || char === closeBrace || char === closeBracket) {
      if (depth === 1 && from >= 0) found = text.slice(from, at).trim();
      if (depth === 1) from = -1;
      if (char !== comma) depth--;
    }
  }
  return found;
}

/** @param string with its quotes. Few names have anything to unescape. */
function nameOf(string: string): string {
  return string.includes('\\') ? JSON.parse(string) : string.slice(1, -1);
}
