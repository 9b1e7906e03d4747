import { html } from 'htm/preact';
import { Icon } from './icon.js';

/** What a job's status is called on this page, and how it looks. */
export const statuses = {
  pending: { label: 'Waiting', icon: 'clock', tone: 'calm' },
  processing: { label: 'Running', icon: 'running', tone: 'accent' },
  completed: { label: 'Completed', icon: 'check', tone: 'good' },
  failed: { label: 'Failed', icon: 'alert', tone: 'bad' },
  cancelled: { label: 'Cancelled', icon: 'stop', tone: 'calm' },
};

/** @param {{ status: keyof typeof statuses }} props */
export function StatusBadge({ status }) {
  const { label, icon, tone } = statuses[status];
  return html`<span class="badge badge-${tone}"><${Icon} name=${icon} />${label}</span>`;
}
