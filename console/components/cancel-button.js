import { html } from 'htm/preact';
import { useState } from 'preact/hooks';
import { postJson } from '../api/request.js';
import { Dialog } from './dialog.js';
import { Failure } from './failure.js';
import { Icon } from './icon.js';

/**
 * Cancels a job, once it is sure that this is meant.
 * @param {{ path: string, kind: 'import' | 'export', consequence: string, onCancelled: (job: any) => void }} props
 *   path of the job
 */
export function CancelButton({ path, kind, consequence, onCancelled }) {
  const [asking, setAsking] = useState(false);
  const [error, setError] = useState(/** @type {Error | null} */ (null));
  const cancel = async () => {
    setError(null);
    try {
      onCancelled(await postJson(`${path}/cancel`));
      setAsking(false);
    } catch (failure) {
      setError(/** @type {Error} */ (failure));
    }
  };
  return html`
    <button type="button" class="button button-danger" onClick=${() => setAsking(true)}>
      <${Icon} name="stop" />Cancel the ${kind}
    </button>
    ${
      asking &&
      html`<${Dialog} title="Cancel this ${kind}?" onClose=${() => setAsking(false)}>
        <p>${consequence}</p>
        <${Failure} acted error=${error} />
        <div class="actions">
          <button type="button" class="button" onClick=${() => setAsking(false)}>Keep it running</button>
          <button type="button" class="button button-danger" onClick=${cancel}>Cancel the ${kind}</button>
        </div>
      <//>`
    }
  `;
}
