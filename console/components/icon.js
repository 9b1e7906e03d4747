import { html } from 'htm/preact';

/** Decoration: what it means is said in words beside it. @param {{ name: string }} props a symbol of icons.svg */
export function Icon({ name }) {
  return html`<svg class="icon" aria-hidden="true" focusable="false"><use href=${`/console/icons.svg#${name}`} /></svg>`;
}
