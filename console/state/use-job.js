import { useEffect, useState } from 'preact/hooks';
import { followJob } from '../api/follow-job.js';
import { apiKey } from './api-key.js';
import { useStore } from './store.js';

/**
 * A job, followed until it has ended.
 * @template {{ status: string }} Job
 * @param {string} path of the job
 * @returns {{ job: Job | null, error: Error | null, setJob: (job: Job) => void }}
 */
export function useJob(path) {
  const [state, setState] = useState(
    /** @type {{ path: string, job: Job | null, error: Error | null }} */ ({ path, job: null, error: null }),
  );
  const key = useStore(apiKey);

  // Another key may see the job.
  useEffect(() => {
    const leaving = new AbortController();
    const { signal } = leaving;
    followJob(path, (/** @type {Job} */ job) => signal.aborted || setState({ path, job, error: null }), signal).catch(
      (error) => signal.aborted || setState((last) => ({ ...last, path, error })),
    );
    return () => leaving.abort();
  }, [path, key]);

  const { job, error } = state.path === path ? state : { job: null, error: null };
  return { job, error, setJob: (next) => setState({ path, job: next, error: null }) };
}
