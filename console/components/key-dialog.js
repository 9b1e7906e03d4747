import { html } from 'htm/preact';
import { useState } from 'preact/hooks';
import { apiKey, isSendable, keepKey, keyWanted, leaveKeyOpen } from '../state/api-key.js';
import { useStore } from '../state/store.js';
import { Dialog } from './dialog.js';
import { Notice } from './notice.js';

/** Asks for the API key when the service does, or when the person wants to use another one. */
export function KeyDialog() {
  const reason = useStore(keyWanted);
  const [text, setText] = useState('');
  const [unsendable, setUnsendable] = useState(false);
  if (reason === null) return null;
  /** @param {Event} event */
  const submit = (event) => {
    event.preventDefault();
    const key = text.trim();
    // The same once more would be refused once more.
    if (key === '' || (reason === 'refused' && key === apiKey.get())) return;
    setUnsendable(!isSendable(key));
    if (!isSendable(key)) return;
    setText('');
    keepKey(key);
  };
  const forget = () => {
    setText('');
    setUnsendable(false);
    keepKey(null);
  };
  return html`
    <${Dialog} title="API key" onClose=${leaveKeyOpen}>
      ${
        unsendable
          ? html`<${Notice} kind="error"><p>This cannot be a key: it has a curly quote, a blank that is not seen, or another character that no key has. Copy it again, and nothing else.</p><//>`
          : reason === 'refused'
            ? html`<${Notice} kind="error"><p>The service does not know this key. Check that all of it was copied, and nothing else.</p><//>`
            : html`<p>This service asks for a key: whoever runs it has one for you (they are set in <code>API_KEYS</code>).</p>`
      }
      <form onSubmit=${submit}>
        <div class="field">
          <label for="api-key">API key</label>
          <input id="api-key" type="password" autocomplete="off" spellcheck=${false} autofocus required value=${text}
            aria-describedby="api-key-hint"
            onInput=${(/** @type {any} */ event) => setText(event.currentTarget.value)} />
          <p class="hint" id="api-key-hint">Kept in this tab alone, until it is closed.</p>
        </div>
        <div class="actions">
          ${
            apiKey.get() !== null &&
            html`<button type="button" class="button" onClick=${forget}>Forget the key</button>`
          }
          <button type="button" class="button" onClick=${leaveKeyOpen}>Not now</button>
          <button type="submit" class="button button-primary">Use this key</button>
        </div>
      </form>
    <//>
  `;
}
