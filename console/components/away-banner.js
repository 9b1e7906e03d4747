import { html } from 'htm/preact';
import { connection } from '../state/connection.js';
import { useStore } from '../state/store.js';
import { Notice } from './notice.js';

/** Says what to do while the service, or its database, is away; goes by itself once it is back. */
export function AwayBanner() {
  const { state } = useStore(connection);
  return html`
    <div class="banner" aria-live="assertive">
      ${
        state === 'away' &&
        html`<${Notice} kind="error" title="The service does not answer" quiet>
          <p>
            Check that it is running at <code>${location.host}</code> (<code>npm start</code> in its folder, or ask whoever
            runs it). Jobs that were accepted go on when it is back, and nothing is loaded twice. This page asks every two
            seconds and carries on by itself.
          </p>
        <//>`
      }
      ${
        state === 'troubled' &&
        html`<${Notice} kind="warning" title="The service cannot do its work at the moment" quiet>
          <p>
            It runs, but does not reach its database or its storage; <a href="#/overview">the overview</a> says which.
            Accepted jobs wait and go on afterwards. This page carries on by itself.
          </p>
        <//>`
      }
    </div>
  `;
}
