import { html } from 'htm/preact';
import { ApiProblem, ServiceAway } from '../api/request.js';
import { keyWanted } from '../state/api-key.js';
import { sentence } from '../state/sentence.js';
import { Notice } from './notice.js';

/**
 * What the service says to programs, for people at the page. By problem code.
 * @type {Record<string, string | undefined>}
 */
const wordings = {
  upload_gone:
    'The service keeps an uploaded file for a while only, and this one is gone. The error report is still there: it names line, field and reason of each problem, to be mended in the file that you have',
  job_not_found: 'There is no such job. It may have been removed since: the service keeps ended jobs for a while only',
};

/**
 * Why something did not work. What the page says by itself elsewhere is not said twice: a service that is away (the
 * banner), an API key that is wanted (the dialog).
 * @param {{ error: Error | null, title?: string, acted?: boolean }} props acted: of what the person did, not of what the
 *   page fetches by itself and goes on fetching
 */
export function Failure({ error, title, acted = false }) {
  if (!error || (error instanceof ServiceAway && !acted)) return null;
  if (error instanceof ApiProblem && error.status === 401) {
    return html`<${Notice} kind="warning" title="An API key is needed" quiet>
      <p><button type="button" class="button" onClick=${() => keyWanted.set('change')}>Enter the API key</button></p>
    <//>`;
  }
  const detail = wordings[/** @type {ApiProblem} */ (error).code] ?? error.message;
  return html`<${Notice} kind="error" title=${title}>
    <p>${sentence(detail)}</p>
  <//>`;
}
