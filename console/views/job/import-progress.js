import { html } from 'htm/preact';
import { hasEnded } from '../../api/follow-job.js';
import { ProgressBar } from '../../components/progress-bar.js';
import { formatBytes, formatCount, formatDuration } from '../../state/figures.js';
import { linkTo } from '../../state/route.js';

/** @type {Record<import('../../types.ts').JobStatus, 'accent' | 'good' | 'bad' | 'calm'>} */
const tones = { pending: 'calm', processing: 'accent', completed: 'good', failed: 'bad', cancelled: 'calm' };

/**
 * @param {{ job: import('../../types.ts').Import, pace: import('../../state/pace.js').Pace }} props
 */
export function ImportProgress({ job, pace }) {
  const { status, progress_pct, bytes_processed, bytes_total, waiting_for: waitingFor } = job;
  return html`
    <div class="panel-line">
      <p class="progress-text">
        ${status === 'pending' ? (waitingFor ? 'Waiting for earlier imports' : 'Waiting to be run') : `${progress_pct} %`}
        <span class="hint">${formatBytes(bytes_processed)} of ${formatBytes(bytes_total)}</span>
      </p>
      <p class="hint">${hasEnded(job) ? lasted(job) : status === 'processing' && goesOn(job, pace)}</p>
    </div>
    <${ProgressBar} label="Progress of the import" percent=${progress_pct} tone=${tones[status]} />
    ${
      waitingFor &&
      html`<p class="hint">
        Records may refer to those of an import that was accepted before, so that one ends first:
        ${waitingFor.map((id, index) => html`${index > 0 ? ', ' : ' '}<a key=${id} href=${linkTo(`imports/${id}`)}>${id.slice(0, 8)}</a>`)}
      </p>`
    }
  `;
}

/**
 * @param {import('../../types.ts').Import} job
 * @param {import('../../state/pace.js').Pace} pace
 */
function goesOn({ rows_per_sec }, { recordsPerSecond, secondsLeft }) {
  const speed = recordsPerSecond ?? rows_per_sec ?? 0;
  const left = secondsLeft === null ? '' : `, about ${formatDuration(Math.max(1, secondsLeft) * 1000)} left`;
  return `${formatCount(speed)} records/s${left}`;
}

/** @param {import('../../types.ts').Import} job */
function lasted({ duration_ms, rows_per_sec }) {
  if (duration_ms === null) return 'Never began';
  return `${formatDuration(duration_ms)}${rows_per_sec ? `, ${formatCount(rows_per_sec)} records/s` : ''}`;
}
