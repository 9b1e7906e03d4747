import { html } from 'htm/preact';

/** Stands where data will be. @param {{ lines?: number, label?: string }} props */
export function Skeleton({ lines = 3, label = 'Loading' }) {
  return html`
    <div class="skeleton" role="status" aria-label=${label}>
      ${Array.from({ length: lines }, (_, line) => html`<span class="skeleton-line" key=${line}></span>`)}
    </div>
  `;
}
