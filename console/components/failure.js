import { html } from 'htm/preact';
import { ApiProblem, ServiceAway } from '../api/request.js';
import { Notice } from './notice.js';

/**
 * Why something did not work. What the page says by itself elsewhere is not said twice: a service that is away (the
 * banner), an API key that is wanted (the dialog).
 * @param {{ error: Error | null, title?: string, children?: any }} props
 */
export function Failure({ error, title, children }) {
  if (!error || error instanceof ServiceAway) return null;
  if (error instanceof ApiProblem && error.status === 401) {
    return html`<${Notice} kind="warning" title="An API key is needed" quiet>
      <p>Enter one to see this. The button “API key” at the top asks for it again.</p>
    <//>`;
  }
  const detail = error.message;
  return html`<${Notice} kind="error" title=${title}>
    <p>${detail.charAt(0).toUpperCase() + detail.slice(1)}${/[.!?]$/.test(detail) ? '' : '.'}</p>
    ${children}
  <//>`;
}
