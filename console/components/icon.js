import { html } from 'htm/preact';
import { iconPaths } from './icon-paths.js';

/** Decoration: what it means is said in words beside it. @param {{ name: keyof typeof iconPaths }} props */
export function Icon({ name }) {
  return html`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false"><path d=${iconPaths[name]} /></svg>`;
}
