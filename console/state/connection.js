// Whether the service is there, and what of it works. It is asked every ten seconds; a request that gets no answer has it
// asked at once. While it is away it is asked every two seconds, and once it answers again everything that the page shows
// is fetched anew.
import { createStore } from './store.js';

/** @typedef {Record<string, { status: 'up' | 'down' }>} Checks by part of the service */

/**
 * @typedef {object} Connection
 * @property {'present' | 'away' | 'troubled'} state `troubled`: it answers, but says that it cannot do its work.
 * @property {number} returns how often it has come back; who shows data fetches it again when this changes.
 * @property {Checks | null} checks null: not known
 */

const askEveryMs = 2_000;
const lookEveryMs = 10_000;
const answerWithinMs = 4_000;

/** @type {import('./store.js').Store<Connection>} */
export const connection = createStore(/** @type {Connection} */ ({ state: 'present', returns: 0, checks: null }));

let asking = false;

setInterval(() => document.visibilityState === 'visible' && checkService(), lookEveryMs);

/** A request got no answer, or a 503: asks the service itself. */
export function checkService() {
  if (asking) return;
  asking = true;
  ask();
}

async function ask() {
  const { state, checks } = await currentState();
  const { state: before, returns } = connection.get();
  connection.set({ state, checks, returns: state === 'present' && before !== 'present' ? returns + 1 : returns });
  asking = state !== 'present';
  if (asking) setTimeout(ask, askEveryMs);
}

/** @returns {Promise<Omit<Connection, 'returns'>>} */
async function currentState() {
  try {
    const response = await fetch('/health', { cache: 'no-store', signal: AbortSignal.timeout(answerWithinMs) });
    const { checks = null } = await response.json();
    return { state: response.ok ? 'present' : response.status === 503 ? 'troubled' : 'away', checks };
  } catch {
    // No answer, or one that is not the service's: a proxy's page about a service that is gone.
    return { state: 'away', checks: null };
  }
}
