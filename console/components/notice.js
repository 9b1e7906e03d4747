import { html } from 'htm/preact';
import { Icon } from './icon.js';

const icons = { error: 'alert', warning: 'alert', success: 'check', info: 'info' };

/**
 * Something to know or do. Errors are read out at once, the others when there is time.
 * @param {{ kind: keyof typeof icons, title?: string, children?: any, quiet?: boolean }} props quiet: part of the page
 *   from the start, not read out by itself
 */
export function Notice({ kind, title, children, quiet }) {
  const role = quiet ? undefined : kind === 'error' ? 'alert' : 'status';
  return html`
    <div class="notice notice-${kind}" role=${role}>
      <${Icon} name=${icons[kind]} />
      <div class="notice-text">${title && html`<strong>${title}</strong>`}${children}</div>
    </div>
  `;
}
