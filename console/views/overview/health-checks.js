import { html } from 'htm/preact';
import { useEffect, useState } from 'preact/hooks';
import { Icon } from '../../components/icon.js';
import { Skeleton } from '../../components/skeleton.js';
import { connection } from '../../state/connection.js';
import { useStore } from '../../state/store.js';

const everyMs = 5_000;

/** @typedef {Record<string, { status: 'up' | 'down' }>} Checks */

/** Which part of the service works. Asked directly: an answer of 503 says it too. */
export function HealthChecks() {
  const [checks, setChecks] = useState(/** @type {Checks | null} */ (null));
  const { state } = useStore(connection);
  // A change of the connection is a reason to ask again.
  useEffect(() => {
    const leaving = new AbortController();
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let timer;
    const ask = async () => {
      const known = await fetchChecks(leaving.signal);
      if (leaving.signal.aborted) return;
      setChecks(known);
      timer = setTimeout(ask, everyMs);
    };
    ask();
    return () => {
      leaving.abort();
      clearTimeout(timer);
    };
  }, [state]);
  return html`
    <section class="panel" aria-labelledby="health-title">
      <h2 id="health-title">Health</h2>
      ${
        checks === null
          ? html`<${Skeleton} lines=${2} label="Asking" />`
          : html`
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

/**
 * @param {AbortSignal} signal
 * @returns {Promise<Checks | null>} null: there was no answer; the banner says what is the matter
 */
async function fetchChecks(signal) {
  try {
    return (await (await fetch('/health', { cache: 'no-store', signal })).json()).checks;
  } catch {
    return null;
  }
}
