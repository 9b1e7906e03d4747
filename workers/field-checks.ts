// The rules of single values (records.md), each a function of one string. They run for every record, so they read
// characters instead of matching patterns, and leave what is rare (other scripts) to a pattern.

const [hyphen, dot, at] = [45, 46, 64];

/** 1 for the digits of hexadecimal numbers, by character code. */
const hexadecimal = new Uint8Array(256);
for (const digit of '0123456789abcdefABCDEF') hexadecimal[digit.charCodeAt(0)] = 1;

/** Whether the text is empty or nothing but white space. */
export function isBlank(text: string): boolean {
  const first = text.charCodeAt(0);
  return !(first > 32 && first < 127) && !/\S/.test(text);
}

/** RFC 9562, section 4: 8-4-4-4-12 hexadecimal digits, in either case; any version. */
export function isUuid(text: string): boolean {
  return (
    text.length === 36 &&
    isHexadecimal(text, 0, 8) &&
    text.charCodeAt(8) === hyphen &&
    isHexadecimal(text, 9, 13) &&
    text.charCodeAt(13) === hyphen &&
    isHexadecimal(text, 14, 18) &&
    text.charCodeAt(18) === hyphen &&
    isHexadecimal(text, 19, 23) &&
    text.charCodeAt(23) === hyphen &&
    isHexadecimal(text, 24, 36)
  );
}

/** Goes through to the end in any case: without branches that takes three quarters of the time. */
function isHexadecimal(text: string, start: number, end: number): boolean {
  let all = 1;
  let bits = 0;
  for (let i = start; i < end; i++) {
    const char = text.charCodeAt(i);
    bits |= char;
    all &= hexadecimal[char & 0xff] as number;
  }
  return all === 1 && bits < 128;
}

/** One @ between a local part and a domain of at least two labels, no white space or control characters. */
export function isEmail(text: string): boolean {
  let domain = 0;
  let labels = 1;
  let previous = dot;
  let ascii = true;
  for (let i = 0; i < text.length; i++) {
    const char = text.charCodeAt(i);
    // NUL is left to isStorable(), which gives the better reason.
    if ((char <= 32 && char !== 0) || char === 127) return false;
    if (char > 127) ascii = false;
    else if (char === at) {
      if (domain > 0 || i === 0) return false;
      domain = i + 1;
      previous = dot;
      continue;
    } else if (char === dot && domain > 0) {
      if (previous === dot) return false;
      labels++;
    }
    previous = char;
  }
  return domain > 0 && labels > 1 && previous !== dot && (ascii || !/\s/.test(text));
}

/** Kebab-case: runs of lower-case letters and digits, a hyphen between them. */
export function isSlug(text: string): boolean {
  let previous = hyphen;
  for (let i = 0; i < text.length; i++) {
    const char = text.charCodeAt(i);
    const plain = (char >= 97 && char <= 122) || (char >= 48 && char <= 57);
    if (!plain && (char !== hyphen || previous === hyphen)) return false;
    previous = char;
  }
  return previous !== hyphen;
}

/** Whether PostgreSQL's text can hold it: neither NUL nor a lone surrogate. */
export function isStorable(text: string): boolean {
  return text.isWellFormed() && !text.includes('\0');
}

/** Counts code points, as PostgreSQL does: a pair of surrogates is one character. */
export function isLongerThan(text: string, maxCharacters: number): boolean {
  if (text.length <= maxCharacters) return false;
  let characters = 0;
  for (const _ of text) if (++characters > maxCharacters) return true;
  return false;
}

/** Runs of non-white-space. */
export function countWords(text: string): number {
  let words = 0;
  for (const run = /\S+/g; run.test(text); ) words++;
  return words;
}

/** Whether it has more words than that; a word and the blank after it take two characters. */
export function hasMoreWords(text: string, maxWords: number): boolean {
  return text.length > maxWords * 2 && countWords(text) > maxWords;
}
