// Text that was given from outside, as it may be shown on a terminal or a page.

/** Control characters, separators of lines, and marks that turn the direction of writing. */
const obeyed = /[\p{Cc}\u2028-\u202e\u2066-\u2069]/gu;

/** Whatever a terminal, a log or a page would obey is replaced by the character for what cannot be shown. */
export function withoutControls(text: string): string {
  return text.toWellFormed().replace(obeyed, '\ufffd');
}

/** The same, but it can be seen what it was: `\u001b`. @param but these characters stay. */
export function withVisibleControls(text: string, but = ''): string {
  return text.replace(obeyed, (character) =>
    but.includes(character) ? character : `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
