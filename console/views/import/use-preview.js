import { useEffect, useState } from 'preact/hooks';
import { requestJson, ServiceAway } from '../../api/request.js';
import { FileChanged } from '../../api/upload-file.js';
import { apiKey } from '../../state/api-key.js';
import { connection } from '../../state/connection.js';
import { useStore } from '../../state/store.js';

/** As much of a file as the service takes for a preview. */
const headBytes = 1024 * 1024;
/** After a request without an answer. */
const retryMs = 2_000;

/**
 * What the service makes of the beginning of a file: nothing is loaded.
 * @param {File | null} file
 * @param {import('./import-view.js').Choices} choices
 * @returns {{ preview: import('../../types.ts').Preview | null, error: Error | null }} both null: not known yet
 */
export function usePreview(file, { resource, format, delimiter }) {
  const [answer, setAnswer] = useState(
    /** @type {{ file: File | null, preview: import('../../types.ts').Preview | null, error: Error | null }} */ ({
      file,
      preview: null,
      error: null,
    }),
  );
  const key = useStore(apiKey);
  const { returns } = useStore(connection);

  // `key` and `returns` are reasons to ask again.
  useEffect(() => {
    if (!file) return;
    const leaving = new AbortController();
    const { signal } = leaving;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let timer;
    const load = async () => {
      try {
        const preview = await previewFile(file, { resource, format, delimiter }, signal);
        if (!signal.aborted) setAnswer({ file, preview, error: null });
      } catch (error) {
        if (signal.aborted) return;
        setAnswer({ file, preview: null, error: /** @type {Error} */ (error) });
        if (error instanceof ServiceAway) timer = setTimeout(load, retryMs);
      }
    };
    load();
    return () => {
      leaving.abort();
      clearTimeout(timer);
    };
  }, [file, resource, format, delimiter, key, returns]);

  return answer.file === file ? answer : { preview: null, error: null };
}

/**
 * @param {File} file
 * @param {import('./import-view.js').Choices} choices
 * @param {AbortSignal} signal
 * @returns {Promise<import('../../types.ts').Preview>}
 */
async function previewFile(file, choices, signal) {
  const query = new URLSearchParams({ file_name: file.name });
  for (const [name, value] of Object.entries(choices)) if (value !== '') query.set(name, value);
  if (file.size <= headBytes) query.set('whole', 'true');
  const body = await file
    .slice(0, headBytes)
    .arrayBuffer()
    .catch(() => {
      throw new FileChanged();
    });
  const headers = { 'content-type': 'application/octet-stream' };
  return await requestJson(`/v1/imports/preview?${query}`, { method: 'POST', headers, body, signal });
}
