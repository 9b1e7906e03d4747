import { html } from 'htm/preact';
import { apiKey } from '../state/api-key.js';
import { useStore } from '../state/store.js';
import { Icon } from './icon.js';
import { SaveButton } from './save-button.js';

/**
 * A download of any size. Without an API key it is a link, which browsers save as it comes in and can resume; a link
 * cannot carry a key.
 * @param {{ path: string, name: string, primary?: boolean, onFailure: (error: Error | null) => void, children?: any }} props
 */
export function DownloadLink(props) {
  const key = useStore(apiKey);
  if (key !== null) return html`<${SaveButton} ...${props} />`;
  const { path, name, primary, children } = props;
  return html`
    <a class=${primary ? 'button button-primary' : 'button'} href=${path} download=${name}>
      <${Icon} name="download" />${children}
    </a>
  `;
}
