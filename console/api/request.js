// Requests to the API: with the API key, and with failures as errors that say what to do.
import { apiKey, refuseKey } from '../state/api-key.js';
import { checkService } from '../state/connection.js';

/** What the service refused, as it says so itself (RFC 9457). */
export class ApiProblem extends Error {
  /** @override */
  name = 'ApiProblem';

  /**
   * @param {number} status
   * @param {{ code?: string, detail?: string, title?: string, field?: string }} body
   */
  constructor(status, { code = '', detail, title, field }) {
    super(detail ?? title ?? `the service answered with status ${status}`);
    this.status = status;
    this.code = code;
    this.field = field;
  }
}

/** No answer: the service, or the way to it, is away. */
export class ServiceAway extends Error {
  /** @override */
  name = 'ServiceAway';

  constructor() {
    super('The service does not answer. Try again when it does.');
  }
}

/**
 * @param {string} path
 * @param {RequestInit} [init]
 * @returns {Promise<Response>} of the 2xx
 * @throws {ApiProblem | ServiceAway} or what the signal was aborted with
 */
export async function request(path, init = {}) {
  const key = apiKey.get();
  const headers = new Headers(init.headers);
  for (const [name, value] of Object.entries(keyHeaders(key))) headers.set(name, value);
  const response = await orAway(fetch(path, { ...init, headers }), init.signal);
  if (!response.ok) throw toProblem(response.status, await orAway(response.text(), init.signal), key);
  return response;
}

/**
 * @param {string} path
 * @param {RequestInit} [init]
 * @returns {Promise<any>}
 */
export async function requestJson(path, init) {
  const response = await request(path, init);
  return await orAway(response.json(), init?.signal);
}

/**
 * @template T
 * @param {Promise<T>} answer or a part of it: it may break off, or be that of something on the way
 * @param {AbortSignal | null} [signal]
 * @returns {Promise<T>}
 */
async function orAway(answer, signal) {
  try {
    return await answer;
  } catch (error) {
    if (signal?.aborted) throw error;
    checkService();
    throw new ServiceAway();
  }
}

/**
 * @param {string} path
 * @param {unknown} [body]
 */
export async function postJson(path, body) {
  const init =
    body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
  return await requestJson(path, { method: 'POST', ...init });
}

/**
 * @param {string | null} key
 * @returns {Record<string, string>}
 */
export function keyHeaders(key) {
  return key === null ? {} : { authorization: `Bearer ${key}` };
}

/**
 * @param {number} status
 * @param {string} text body of the answer
 * @param {string | null} key that the request carried
 */
export function toProblem(status, text, key) {
  if (status === 401) refuseKey(key);
  if (status === 503) checkService();
  return new ApiProblem(status, parseProblem(text));
}

/** @param {string} text */
function parseProblem(text) {
  try {
    const body = JSON.parse(text);
    return typeof body === 'object' && body !== null ? body : {};
  } catch {
    // From a proxy on the way: its status is all that is known.
    return {};
  }
}
