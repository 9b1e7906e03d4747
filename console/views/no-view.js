import { html } from 'htm/preact';
import { EmptyState } from '../components/empty-state.js';

export function NoView() {
  return html`
    <h1 tabindex="-1">Nothing here</h1>
    <${EmptyState} icon="list" title="There is no such view">
      <p><a href="#/import">Import a file</a> or look at <a href="#/jobs">the jobs</a>.</p>
    <//>
  `;
}
