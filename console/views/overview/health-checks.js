import { html } from 'htm/preact';
import { useEffect } from 'preact/hooks';
import { Icon } from '../../components/icon.js';
import { Skeleton } from '../../components/skeleton.js';
import { checkService, connection } from '../../state/connection.js';
import { useStore } from '../../state/store.js';

/** Which part of the service works. */
export function HealthChecks() {
  const { state, checks } = useStore(connection);
  useEffect(checkService, []);
  return html`
    <section class="panel" aria-labelledby="health-title">
      <h2 id="health-title">Health</h2>
      ${state === 'away' && html`<p class="hint">Not known: the service does not answer.</p>`}
      ${state !== 'away' && !checks && html`<${Skeleton} lines=${2} label="Asking" />`}
      ${
        checks &&
        html`
          <dl class="pairs">
            ${Object.entries(checks).map(
              ([name, { status }]) => html`
                <div key=${name}>
                  <dt>${name}</dt>
                  <dd class=${status === 'up' ? 'good' : 'bad'}><${Icon} name=${status === 'up' ? 'check' : 'alert'} />${status === 'up' ? 'works' : 'does not work'}</dd>
                </div>
              `,
            )}
          </dl>
        `
      }
    </section>
  `;
}
