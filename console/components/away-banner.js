import { html } from 'htm/preact';
import { connection } from '../state/connection.js';
import { useStore } from '../state/store.js';
import { Notice } from './notice.js';

/** Says what to do while the service, or its database, is away; goes by itself once it is back. */
export function AwayBanner() {
  const { state, checks } = useStore(connection);
  return html`
    <div class="banner" aria-live="assertive">
      ${
        state === 'away' &&
        html`<${Notice} kind="error" title="The service does not answer" quiet>
          <p>
            Check your network, and that it is running at <code>${location.host}</code> (<code>npm start</code> in its
            folder, or ask whoever runs it). Jobs that were accepted go on when it is back, and nothing is loaded twice.
            Leave this page open: it looks every two seconds and carries on by itself.
          </p>
        <//>`
      }
      ${
        state === 'troubled' &&
        html`<${Notice} kind="warning" title="The service cannot do its work at the moment" quiet>
          <p>
            It runs, but ${brokenParts(checks)}. Accepted jobs wait and go on afterwards. Leave this page open: it carries
            on by itself.
          </p>
        <//>`
      }
    </div>
  `;
}

/** @param {import('../state/connection.js').Checks | null} checks */
function brokenParts(checks) {
  const names = Object.entries(checks ?? {}).flatMap(([name, { status }]) => (status === 'down' ? [name] : []));
  if (names.length === 0) return 'a part of it does not work';
  return `its ${names.join(' and its ')} ${names.length === 1 ? 'does' : 'do'} not work`;
}
