import { html } from 'htm/preact';

/** A table that may be wider than the page: it scrolls by itself, with the arrow keys too. @param {{ label: string, children?: any }} props */
export function TableRegion({ label, children }) {
  return html`<div class="table-region" role="region" aria-label=${label} tabindex="0">${children}</div>`;
}
