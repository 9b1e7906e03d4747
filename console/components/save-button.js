import { html } from 'htm/preact';
import { useState } from 'preact/hooks';
import { saveFile } from '../api/save-file.js';
import { Icon } from './icon.js';

/**
 * Downloads a file; what kept it from coming is told to `onFailure`.
 * @param {{ path: string, name: string, primary?: boolean, onFailure: (error: Error | null) => void, children?: any }} props
 */
export function SaveButton({ path, name, primary, onFailure, children }) {
  const [busy, setBusy] = useState(false);
  const save = async () => {
    setBusy(true);
    onFailure(null);
    try {
      await saveFile(path, name);
    } catch (error) {
      onFailure(/** @type {Error} */ (error));
    } finally {
      setBusy(false);
    }
  };
  return html`
    <button type="button" class=${primary ? 'button button-primary' : 'button'} aria-disabled=${busy}
      onClick=${() => busy || save()}>
      <${Icon} name=${busy ? 'running' : 'download'} />${children}
    </button>
  `;
}
