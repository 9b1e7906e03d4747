/**
 * What the service says as a part of a sentence, as one. A name at its beginning stays as it is.
 * @param {string} text
 */
export function sentence(text) {
  const start = /^[a-z]+\b/.test(text) ? text.charAt(0).toUpperCase() + text.slice(1) : text;
  return /[.!?]$/.test(start) ? start : `${start}.`;
}
