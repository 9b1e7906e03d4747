import { useCallback, useEffect, useState } from 'preact/hooks';
import { ApiProblem, requestJson, ServiceAway } from '../api/request.js';
import { apiKey } from './api-key.js';
import { connection } from './connection.js';
import { useStore } from './store.js';

/** After a request without an answer. */
const retryMs = 2_000;

/**
 * Follows what a GET answers: fetched again every so often while the tab is seen, when the service comes back, and when
 * the API key changes. A failed fetch keeps the data that was there.
 * @template T
 * @param {string | null} path null: nothing to fetch yet
 * @param {{ everyMs?: number | ((data: T) => number) }} [options] 0: once
 * @returns {{ data: T | null, error: Error | null, reload: () => void }}
 */
export function useQuery(path, { everyMs = 0 } = {}) {
  const [answer, setAnswer] = useState(
    /** @type {{ path: string | null, data: T | null, error: Error | null }} */ ({ path, data: null, error: null }),
  );
  const [asked, setAsked] = useState(0);
  const key = useStore(apiKey);
  const { returns } = useStore(connection);
  // A function would be another one at each drawing.
  const pace = typeof everyMs === 'number' ? everyMs : 'by data';

  // `key`, `returns` and `asked` are reasons to fetch again.
  useEffect(() => {
    if (path === null) return;
    const leaving = new AbortController();
    const { signal } = leaving;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let timer;
    const load = async () => {
      let waitMs = typeof everyMs === 'number' ? everyMs : 5_000;
      try {
        const data = /** @type {T} */ (await requestJson(path, { signal }));
        if (signal.aborted) return;
        setAnswer({ path, data, error: null });
        if (typeof everyMs === 'function') waitMs = everyMs(data);
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof ServiceAway) waitMs ||= retryMs;
        // Refused until there is another key.
        if (error instanceof ApiProblem && (error.status === 401 || error.status === 403)) waitMs = 0;
        setAnswer((last) => ({
          path,
          data: last.path === path ? last.data : null,
          error: /** @type {Error} */ (error),
        }));
      }
      if (waitMs > 0) timer = setTimeout(loadWhenSeen, waitMs);
    };
    const loadWhenSeen = () => {
      if (document.visibilityState === 'visible') load();
      else document.addEventListener('visibilitychange', loadWhenSeen, { once: true, signal });
    };
    load();
    return () => {
      leaving.abort();
      clearTimeout(timer);
    };
  }, [path, pace, key, returns, asked]);

  const reload = useCallback(() => setAsked((times) => times + 1), []);
  return answer.path === path ? { ...answer, reload } : { data: null, error: null, reload };
}
