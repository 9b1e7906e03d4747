// The API key that this tab sends, kept until the tab is closed. Whether one is needed is learnt from a 401.
import { createStore } from './store.js';

const name = 'bulk-api-key';

/** Whether a key can be one: all of its characters can be sent. @param {string} key */
export const isSendable = (key) => /^[\x21-\x7e]+$/.test(key);

const kept = sessionStorage.getItem(name);

/** @type {import('./store.js').Store<string | null>} */
export const apiKey = createStore(kept !== null && isSendable(kept) ? kept : null);

/** Whether the service wants keys at all, as far as this page has learnt. */
export const keysInUse = createStore(apiKey.get() !== null);

/**
 * Whether to ask for a key, and why.
 * @type {import('./store.js').Store<null | 'missing' | 'refused' | 'change'>}
 */
export const keyWanted = createStore(/** @type {null | 'missing' | 'refused' | 'change'} */ (null));

/** The key with which the person did not want to be asked again; undefined: none. @type {string | null | undefined} */
let leftAt;

/** @param {string | null} key */
export function keepKey(key) {
  leftAt = undefined;
  if (key === null) sessionStorage.removeItem(name);
  else sessionStorage.setItem(name, key);
  keyWanted.set(null);
  apiKey.set(key);
}

/** The question is left open. It is not put again by itself: what is fetched now and then is refused each time. */
export function leaveKeyOpen() {
  if (keyWanted.get() !== 'change') leftAt = apiKey.get();
  keyWanted.set(null);
}

/**
 * Called when a request was answered with 401.
 * @param {string | null} sent the key that it carried; a later one may be there by now.
 */
export function refuseKey(sent) {
  keysInUse.set(true);
  if (sent !== apiKey.get() || sent === leftAt) return;
  keyWanted.set(sent === null ? 'missing' : 'refused');
}
