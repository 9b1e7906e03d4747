// Posts the file of an import. By XMLHttpRequest: fetch does not tell how much of a body has been sent.
import { apiKey } from '../state/api-key.js';
import { checkService } from '../state/connection.js';
import { keyHeaders, ServiceAway, toProblem } from './request.js';

/** The file was changed or removed since it was chosen, or is a folder: browsers refuse to read it then. */
export class FileChanged extends Error {
  /** @override */
  name = 'FileChanged';

  constructor() {
    super('It was changed or moved since you chose it, or is a folder. Choose it again.');
  }
}

/**
 * @param {File} file
 * @param {Record<string, string>} options of the import
 * @param {object} how
 * @param {string} how.idempotencyKey the same when the upload is tried again: it then makes no second job
 * @param {(sentBytes: number, totalBytes: number) => void} how.onProgress
 * @param {AbortSignal} how.signal
 * @returns {Promise<{ job_id: string }>}
 */
export async function uploadFile(file, options, { idempotencyKey, onProgress, signal }) {
  const form = new FormData();
  for (const [name, value] of Object.entries(options)) form.set(name, value);
  form.set('file', file, file.name);
  const key = apiKey.get();
  const answer = await send(form, { ...keyHeaders(key), 'idempotency-key': idempotencyKey }, onProgress, signal);
  if (answer === null) {
    if (!(await isReadable(file))) throw new FileChanged();
    checkService();
    throw new ServiceAway();
  }
  if (answer.status !== 202 && answer.status !== 200) throw toProblem(answer.status, answer.text, key);
  return JSON.parse(answer.text);
}

/**
 * @param {FormData} form
 * @param {Record<string, string>} headers
 * @param {(sentBytes: number, totalBytes: number) => void} onProgress
 * @param {AbortSignal} signal
 * @returns {Promise<{ status: number, text: string } | null>} null: there was no answer
 */
function send(form, headers, onProgress, signal) {
  const xhr = new XMLHttpRequest();
  xhr.open('POST', '/v1/imports');
  for (const [name, value] of Object.entries(headers)) xhr.setRequestHeader(name, value);
  xhr.upload.addEventListener('progress', ({ loaded, total }) => onProgress(loaded, total));
  return new Promise((resolve, reject) => {
    xhr.addEventListener('load', () => resolve({ status: xhr.status, text: xhr.responseText }));
    xhr.addEventListener('error', () => resolve(null));
    xhr.addEventListener('abort', () => reject(signal.reason));
    signal.addEventListener('abort', () => xhr.abort());
    xhr.send(form);
  });
}

/** @param {File} file */
export async function isReadable(file) {
  try {
    await file.slice(0, 1).arrayBuffer();
    return true;
  } catch {
    return false;
  }
}
