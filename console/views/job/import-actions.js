import { html } from 'htm/preact';
import { hasEnded } from '../../api/follow-job.js';
import { CancelButton } from '../../components/cancel-button.js';
import { Icon } from '../../components/icon.js';
import { SaveButton } from '../../components/save-button.js';
import { linkTo } from '../../state/route.js';

/**
 * What can be done with an import now.
 * @param {{
 *   job: import('../../types.ts').Import, path: string, onFailure: (error: Error | null) => void,
 *   onCancelled: (job: import('../../types.ts').Import) => void,
 * }} props
 */
export function ImportActions({ job, path, onFailure, onCancelled }) {
  if (!hasEnded(job)) {
    return html`
      <div class="actions">
        <${CancelButton} path=${path} kind="import" onCancelled=${onCancelled}
          consequence="What is loaded by then stays loaded; the rest of the file is left out." />
      </div>
    `;
  }
  const loaded = job.successful > 0 ? 'some' : undefined;
  const again = linkTo('import', { resource: job.resource, corrects: job.file_name, loaded });
  return html`
    <div class="actions">
      ${
        job.failed > 0 &&
        html`
          <${SaveButton} primary path="${path}/rejects?with=errors" name="rejected_${job.file_name}" onFailure=${onFailure}>
            Rejected records with reasons
          <//>
          <${SaveButton} path="${path}/rejects" name="rejected_${job.file_name}" onFailure=${onFailure}>
            Rejected records as sent
          <//>
          <${SaveButton} path="${path}/errors?format=csv" name="errors_${job.job_id}.csv" onFailure=${onFailure}>
            Error report (CSV)
          <//>
        `
      }
      ${
        job.failed > 0 || job.status !== 'completed'
          ? html`<a class="button" href=${again}><${Icon} name="again" />Import the corrected file</a>`
          : html`
              <a class="button button-primary" href=${linkTo('import')}><${Icon} name="upload" />Import another file</a>
              <a class="button" href=${linkTo('export', { resource: job.resource })}><${Icon} name="download" />Export ${job.resource}</a>
            `
      }
    </div>
  `;
}
