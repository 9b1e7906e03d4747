import { html } from 'htm/preact';
import { useState } from 'preact/hooks';
import { hasEnded } from '../../api/follow-job.js';
import { Age } from '../../components/age.js';
import { CancelButton } from '../../components/cancel-button.js';
import { DownloadLink } from '../../components/download-link.js';
import { Failure } from '../../components/failure.js';
import { FigureList } from '../../components/figure-list.js';
import { Icon } from '../../components/icon.js';
import { Notice } from '../../components/notice.js';
import { ProgressBar } from '../../components/progress-bar.js';
import { Skeleton } from '../../components/skeleton.js';
import { StatusBadge, statuses } from '../../components/status-badge.js';
import { formatBytes, formatCount, formatDuration, formatTime } from '../../state/figures.js';
import { linkTo } from '../../state/route.js';
import { sentence } from '../../state/sentence.js';
import { useJob } from '../../state/use-job.js';

/** @typedef {import('../../types.ts').Export} Export */

/** One export: how far it is, and its file. @param {{ id: string }} props */
export function ExportJobView({ id }) {
  const path = `/v1/exports/${encodeURIComponent(id)}`;
  const { job, error, setJob } = useJob(path);
  const shown = /** @type {Export | null} */ (job);
  const [saveError, setSaveError] = useState(/** @type {Error | null} */ (null));
  // The same heading before and after, because it has the focus of who hears the page.
  if (!shown) {
    return html`
      <div class="title-line"><h1 tabindex="-1">Export job</h1></div>
      <${Failure} error=${error} title="This export cannot be shown" />
      ${error && html`<p><a href=${linkTo('jobs', { type: 'exports' })}>All jobs</a></p>`}
      ${!error && html`<section class="panel"><${Skeleton} lines=${4} /></section>`}
    `;
  }
  const { status, resource, format, compression, failure, download_url: url, expires_at: expires, created_at } = shown;
  const fileName = `${resource}.${format}${compression === 'gzip' ? '.gz' : ''}`;
  return html`
    <div class="title-line">
      <h1 tabindex="-1">${fileName}</h1>
      <${StatusBadge} status=${status} />
    </div>
    <p class="lead">
      Export of <strong>${resource}</strong>,
      ${' '}<${Age} time=${created_at} />
    </p>
    <p class="visually-hidden" role="status">${statuses[status].label}</p>
    <section class="panel" aria-label="Progress">
      ${!hasEnded(shown) && html`<${ProgressBar} label="Progress of the export" percent=${null} tone=${status === 'pending' ? 'calm' : 'accent'} />`}
      <${FigureList} figures=${figuresOf(shown)} />
      ${failure && html`<${Notice} kind="error" title="The export failed" quiet><p>${sentence(failure.detail)}</p><//>`}
      ${
        status === 'completed' &&
        !url &&
        html`<${Notice} kind="info" quiet><p>Its file is no longer kept. Start a new export to have it again.</p><//>`
      }
      <${Failure} acted error=${saveError} title="The file cannot be downloaded" />
      <div class="actions">
        ${
          !hasEnded(shown) &&
          html`<${CancelButton} path=${path} kind="export" consequence="No file will be left of it." onCancelled=${setJob} />`
        }
        ${url && html`<${DownloadLink} primary path=${url} name=${fileName} onFailure=${setSaveError}>Download<//>`}
        ${hasEnded(shown) && html`<a class="button" href=${linkTo('export', { resource })}><${Icon} name="again" />New export</a>`}
      </div>
      ${url && expires && html`<p class="hint">Kept until ${formatTime(expires)}.</p>`}
      ${shown.sha256 && html`<p class="hint checksum">SHA-256 <code>${shown.sha256}</code></p>`}
    </section>
  `;
}

/** @param {Export} job */
function figuresOf({ total_records, bytes, duration_ms, rows_per_sec }) {
  return [
    { label: 'Records', value: total_records === null ? '–' : formatCount(total_records) },
    { label: 'Size', value: formatBytes(bytes) },
    { label: 'Time', value: duration_ms === null ? '–' : formatDuration(duration_ms) },
    { label: 'Records/s', value: rows_per_sec === null ? '–' : formatCount(rows_per_sec) },
  ];
}
