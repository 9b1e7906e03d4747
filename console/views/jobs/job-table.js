import { html } from 'htm/preact';
import { hasEnded } from '../../api/follow-job.js';
import { Age } from '../../components/age.js';
import { ProgressBar } from '../../components/progress-bar.js';
import { StatusBadge } from '../../components/status-badge.js';
import { TableRegion } from '../../components/table-region.js';
import { formatBytes, formatCount, formatDuration } from '../../state/figures.js';
import { linkTo } from '../../state/route.js';

/** @typedef {import('../../types.ts').ImportSummary | import('../../types.ts').Export} Job */

/** @param {{ type: 'imports' | 'exports', jobs: Job[] }} props */
export function JobTable({ type, jobs }) {
  const ofImports = type === 'imports';
  return html`
    <${TableRegion} label=${ofImports ? 'Imports' : 'Exports'}>
      <table class="table jobs">
        <thead>
          <tr>
            <th scope="col">File</th>
            <th scope="col">Status</th>
            <th scope="col" class="number narrow-hidden">${ofImports ? 'Loaded' : 'Records'}</th>
            <th scope="col" class="number">${ofImports ? 'Rejected' : 'Size'}</th>
            <th scope="col" class="number narrow-hidden">Time</th>
            <th scope="col" class="narrow-hidden">Accepted</th>
          </tr>
        </thead>
        <tbody>${jobs.map((job) => html`<${JobRow} key=${job.job_id} job=${job} />`)}</tbody>
      </table>
    <//>
  `;
}

/** @param {{ job: Job }} props */
function JobRow({ job }) {
  const { job_id: id, status, resource, duration_ms, created_at } = job;
  const isImport = job.type === 'import';
  const name = isImport ? job.file_name : `${resource}.${job.format}${job.compression === 'gzip' ? '.gz' : ''}`;
  return html`
    <tr>
      <th scope="row">
        <a href=${linkTo(`${job.type}s/${id}`)}>${name}</a>
        <span class="hint">${resource}</span>
      </th>
      <td>
        <${StatusBadge} status=${status} />
        ${!hasEnded(job) && isImport && html`<${ProgressBar} label="Progress of ${name}" percent=${job.progress_pct} tone=${status === 'pending' ? 'calm' : 'accent'} />`}
      </td>
      <td class="number narrow-hidden">${isImport ? formatCount(job.successful) : job.total_records === null ? '–' : formatCount(job.total_records)}</td>
      <td class="number ${isImport && job.failed > 0 ? 'bad' : ''}">${isImport ? formatCount(job.failed) : formatBytes(job.bytes)}</td>
      <td class="number narrow-hidden">${duration_ms === null ? '–' : formatDuration(duration_ms)}</td>
      <td class="narrow-hidden"><${Age} time=${created_at} /></td>
    </tr>
  `;
}
