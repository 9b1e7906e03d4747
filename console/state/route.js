// Which view is shown: the part of the address behind the #, as `/imports/<id>?resource=…`.
import { createStore } from './store.js';

/**
 * @typedef {object} Route
 * @property {string} view first part of the path
 * @property {string | undefined} id second part
 * @property {Record<string, string>} query
 */

/** @returns {Route} */
function read() {
  const [path = '', query = ''] = location.hash.replace(/^#\/?/, '').split('?', 2);
  const [view = '', id] = path.split('/').map(decode);
  return { view: view || 'import', id, query: Object.fromEntries(new URLSearchParams(query)) };
}

/** @param {string} part */
function decode(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    // Typed by hand; as good as any other name that leads nowhere.
    return part;
  }
}

export const route = createStore(read());
addEventListener('hashchange', () => route.set(read()));

/**
 * The address of a view, for links.
 * @param {string} path
 * @param {Record<string, string | undefined>} [query] undefined and empty ones are left out
 */
export function linkTo(path, query = {}) {
  const given = Object.entries(query).flatMap(([name, value]) => (value ? [[name, value]] : []));
  return given.length > 0 ? `#/${path}?${new URLSearchParams(given)}` : `#/${path}`;
}

/** @type {(...address: Parameters<typeof linkTo>) => void} */
export function go(...address) {
  location.hash = linkTo(...address);
}
