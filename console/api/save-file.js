// Downloads that need more than a link: one that carries the API key, or whose refusal is to be read on the page.
import { request } from './request.js';

/**
 * Fetches a file and hands it to the browser to save, under the name that the service gives it. Browsers keep large
 * ones on disk meanwhile.
 * @param {string} path
 * @param {string} fallbackName
 */
export async function saveFile(path, fallbackName) {
  const response = await request(path);
  const name = nameOf(response.headers.get('content-disposition')) ?? fallbackName;
  const content = await response.blob().catch(() => {
    throw new Error('The download broke off. Try again.');
  });
  const url = URL.createObjectURL(content);
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  document.body.append(link);
  link.click();
  link.remove();
  // The browser has taken it by then, or never will.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

/** @param {string | null} disposition RFC 6266 */
function nameOf(disposition) {
  const [, encoded] = /filename\*=UTF-8''([^;]+)/i.exec(disposition ?? '') ?? [];
  if (encoded) return decodeURIComponent(encoded);
  const [, quoted, plain] = /filename=(?:"((?:[^"\\]|\\.)*)"|([^\s;]+))/i.exec(disposition ?? '') ?? [];
  return quoted?.replaceAll(/\\(.)/g, '$1') ?? plain;
}
