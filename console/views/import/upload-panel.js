import { html } from 'htm/preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { ServiceAway } from '../../api/request.js';
import { uploadFile } from '../../api/upload-file.js';
import { Failure } from '../../components/failure.js';
import { Icon } from '../../components/icon.js';
import { Notice } from '../../components/notice.js';
import { ProgressBar } from '../../components/progress-bar.js';
import { formatBytes } from '../../state/figures.js';

/**
 * Sends the file. To be drawn anew (`key`) for another file or other options: a repeated upload of the same makes no
 * second job.
 * @param {{
 *   file: File, options: Record<string, string>, ready: boolean,
 *   onSending: (sending: boolean) => void, onAccepted: (jobId: string) => void,
 * }} props
 */
export function UploadPanel({ file, options, ready, onSending, onAccepted }) {
  const [sent, setSent] = useState(/** @type {number | null} */ (null));
  const [error, setError] = useState(/** @type {Error | null} */ (null));
  const [idempotencyKey] = useState(randomKey);
  const stopping = useRef(/** @type {AbortController | null} */ (null));
  useEffect(() => () => stopping.current?.abort(), []);
  const sending = sent !== null;
  useEffect(() => {
    if (!sending) return;
    // The browser asks whether to leave all the same.
    const keep = (/** @type {Event} */ event) => event.preventDefault();
    addEventListener('beforeunload', keep);
    return () => removeEventListener('beforeunload', keep);
  }, [sending]);

  const start = async () => {
    const controller = new AbortController();
    stopping.current = controller;
    setError(null);
    setSent(0);
    onSending(true);
    try {
      const onProgress = (/** @type {number} */ bytes, /** @type {number} */ total) => setSent(bytes / total);
      const { job_id } = await uploadFile(file, options, { idempotencyKey, onProgress, signal: controller.signal });
      onAccepted(job_id);
    } catch (failure) {
      setSent(null);
      onSending(false);
      if (!controller.signal.aborted) setError(/** @type {Error} */ (failure));
    }
  };

  if (sent !== null) {
    const percent = Math.floor(sent * 1000) / 10;
    return html`
      <section class="panel" aria-label="Upload">
        <div class="panel-line">
          <p role="status">${sent < 1 ? 'Sending the file' : 'Sent; waiting for the service to store it'}</p>
          <p class="hint">${formatBytes(Math.round(sent * file.size))} of ${formatBytes(file.size)}</p>
        </div>
        <${ProgressBar} label="Upload" percent=${sent < 1 ? percent : null} />
        <p class="hint">Stay on this page until the file is sent; the import itself then goes on without it.</p>
        <div class="actions">
          <button type="button" class="button" onClick=${() => stopping.current?.abort()}>Stop sending</button>
        </div>
      </section>
    `;
  }
  return html`
    <div class="actions actions-main">
      <button type="button" class="button button-primary" disabled=${!ready} onClick=${start}>
        <${Icon} name="upload" />${error ? 'Try again' : ready ? `Import into ${options.resource}` : 'Import'}
      </button>
    </div>
    <${Failure} error=${error} title="The file was not accepted" />
    ${
      error instanceof ServiceAway &&
      html`<${Notice} kind="error" title="The upload broke off">
        <p>Nothing was loaded. Try again when the service answers; it makes one job, however often you try.</p>
      <//>`
    }
  `;
}

/** Not randomUUID: browsers offer that on https and localhost alone. */
function randomKey() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
