// Whether the service is there. Requests report that it is not; from then on it is asked every two seconds, and once
// it answers again everything that the page shows is fetched anew.
import { createStore } from './store.js';

/**
 * @typedef {object} Connection
 * @property {'present' | 'away' | 'troubled'} state `troubled`: it answers, but says that it cannot do its work.
 * @property {number} returns how often it has come back; who shows data fetches it again when this changes.
 */

const askEveryMs = 2_000;
/** While nothing else is asked: who fills in a form learns of it too. */
const lookEveryMs = 10_000;
const answerWithinMs = 4_000;

/** @type {import('./store.js').Store<Connection>} */
export const connection = createStore(/** @type {Connection} */ ({ state: 'present', returns: 0 }));

let asking = false;

setInterval(() => document.visibilityState === 'visible' && checkService(), lookEveryMs);

/** A request got no answer, or a 503: asks the service itself. */
export function checkService() {
  if (asking) return;
  asking = true;
  ask();
}

async function ask() {
  const state = await currentState();
  const { state: before, returns } = connection.get();
  asking = state !== 'present';
  if (asking) setTimeout(ask, askEveryMs);
  if (state === before) return;
  connection.set({ state, returns: state === 'present' ? returns + 1 : returns });
}

/** @returns {Promise<Connection['state']>} */
async function currentState() {
  try {
    const response = await fetch('/health', { cache: 'no-store', signal: AbortSignal.timeout(answerWithinMs) });
    // Left unread it would be aborted when the time is up, and counted as a failure by whoever watches the network.
    await response.arrayBuffer();
    if (response.ok) return 'present';
    return response.status === 503 ? 'troubled' : 'away';
  } catch {
    // Whatever kept the answer from coming, there is none.
    return 'away';
  }
}
