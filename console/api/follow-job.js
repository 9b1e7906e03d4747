// A job's state, live: by its events as long as they come, resumed where they broke off; by asking every second where
// they do not (a proxy that holds them back, too many open streams).
import { connection } from '../state/connection.js';
import { until } from '../state/store.js';
import { readEvents } from './read-events.js';
import { ApiProblem, request, requestJson, ServiceAway } from './request.js';

const retryMs = 2_000;
const askEveryMs = 1_000;
/** Streams in a row that ended before they said anything; then the job is asked for. */
const patience = 3;

/** @param {{ status: string }} job */
export function hasEnded({ status }) {
  return status !== 'pending' && status !== 'processing';
}

/**
 * @template {{ status: string }} Job
 * @param {string} path of the job
 * @param {(job: Job) => void} onState
 * @param {AbortSignal} signal
 * @returns {Promise<void>} when the job has ended
 * @throws {ApiProblem} when the job cannot be had
 */
export async function followJob(path, onState, signal) {
  let silent = 0;
  /** @type {string | null} */
  let lastId = null;
  while (silent < patience) {
    try {
      const headers = { accept: 'text/event-stream', ...(lastId === null ? {} : { 'last-event-id': lastId }) };
      const { body } = await request(`${path}/events`, { headers, signal, cache: 'no-store' });
      // 204: it has ended, and that state came before the stream broke off.
      if (body === null) return;
      silent++;
      for await (const { data, id } of readEvents(body)) {
        silent = 0;
        lastId = id ?? lastId;
        const job = /** @type {Job} */ (JSON.parse(data));
        onState(job);
        if (hasEnded(job)) return;
      }
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof ApiProblem) {
        if (error.code === 'job_not_found' || error.status === 401) throw error;
        // No events to be had: too many streams, or a service without this route.
        if (error.status < 500) break;
      }
      await waitForService(error, signal);
    }
    await pause(retryMs, signal);
  }
  await askForJob(path, onState, signal);
}

/**
 * @template {{ status: string }} Job
 * @param {string} path
 * @param {(job: Job) => void} onState
 * @param {AbortSignal} signal
 */
async function askForJob(path, onState, signal) {
  for (;;) {
    try {
      const job = /** @type {Job} */ (await requestJson(path, { signal }));
      onState(job);
      if (hasEnded(job)) return;
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof ApiProblem && error.status < 500 && error.status !== 429) throw error;
      await waitForService(error, signal);
    }
    await pause(askEveryMs, signal);
  }
}

/**
 * @param {unknown} error
 * @param {AbortSignal} signal
 */
async function waitForService(error, signal) {
  if (!(error instanceof ServiceAway)) return;
  await until(
    connection,
    ({ state }) => state !== 'present',
    AbortSignal.any([signal, AbortSignal.timeout(retryMs)]),
  ).catch(() => signal.throwIfAborted());
  await until(connection, ({ state }) => state === 'present', signal);
}

/**
 * @param {number} ms
 * @param {AbortSignal} signal
 * @returns {Promise<void>}
 */
function pause(ms, signal) {
  return new Promise((resolve, reject) => {
    const leave = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', leave);
      resolve();
    }, ms);
    signal.addEventListener('abort', leave, { once: true });
  });
}
