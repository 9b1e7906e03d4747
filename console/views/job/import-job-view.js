// One import: how far it is, what it did, what was wrong, and what to do next.
import { html } from 'htm/preact';
import { useEffect, useState } from 'preact/hooks';
import { hasEnded } from '../../api/follow-job.js';
import { Age } from '../../components/age.js';
import { Failure } from '../../components/failure.js';
import { Skeleton } from '../../components/skeleton.js';
import { StatusBadge } from '../../components/status-badge.js';
import { usePace } from '../../state/pace.js';
import { linkTo } from '../../state/route.js';
import { useJob } from '../../state/use-job.js';
import { ErrorGroups } from './error-groups.js';
import { ImportActions } from './import-actions.js';
import { ImportFigures } from './import-figures.js';
import { ImportOutcome } from './import-outcome.js';
import { ImportProgress } from './import-progress.js';
import { JobAnnouncer } from './job-announcer.js';

/** @typedef {import('../../types.ts').Import} Import */

/** @param {{ id: string }} props */
export function ImportJobView({ id }) {
  const path = `/v1/imports/${encodeURIComponent(id)}`;
  const { job, error, setJob } = useJob(path);
  const shown = /** @type {Import | null} */ (job);
  const pace = usePace(shown);
  const [saveError, setSaveError] = useState(/** @type {Error | null} */ (null));
  useEffect(() => {
    if (shown) document.title = `${shown.file_name} – Bulk import and export`;
  }, [shown?.file_name]);

  // The same heading before and after, because it has the focus of who hears the page.
  if (!shown) {
    return html`
      <div class="title-line"><h1 tabindex="-1">Import</h1></div>
      <${Failure} error=${error} title="This import cannot be shown" />
      ${error && html`<p><a href=${linkTo('jobs')}>All jobs</a></p>`}
      ${!error && html`<section class="panel"><${Skeleton} lines=${5} /></section>`}
    `;
  }
  return html`
    <div class="title-line">
      <h1 tabindex="-1">${shown.file_name}</h1>
      <${StatusBadge} status=${shown.status} />
    </div>
    <p class="lead">
      Import into <strong>${shown.resource}</strong>,
      ${' '}<${Age} time=${shown.created_at} />
    </p>
    <${JobAnnouncer} job=${shown} />
    <section class="panel" aria-label="Progress">
      <${ImportProgress} job=${shown} pace=${pace} />
      <${ImportFigures} job=${shown} />
      <${ImportOutcome} job=${shown} />
      <${Failure} acted error=${saveError} title="The file cannot be downloaded" />
      <${ImportActions} job=${shown} path=${path} onFailure=${setSaveError}
        onCancelled=${(/** @type {Import} */ cancelled) => setJob({ ...shown, ...cancelled })} />
    </section>
    ${shown.error_count > 0 && html`<${ErrorGroups} path=${path} errorCount=${shown.error_count} ended=${hasEnded(shown)} />`}
  `;
}
