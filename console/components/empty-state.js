import { html } from 'htm/preact';
import { Icon } from './icon.js';

/** @param {{ icon: string, title: string, children?: any }} props */
export function EmptyState({ icon, title, children }) {
  return html`
    <div class="empty">
      <${Icon} name=${icon} />
      <p class="empty-title">${title}</p>
      ${children}
    </div>
  `;
}
