import { html } from 'htm/preact';
import { useEffect, useState } from 'preact/hooks';
import { Failure } from '../../components/failure.js';
import { countOf } from '../../state/figures.js';
import { useQuery } from '../../state/use-query.js';

/** After the last key. */
const restMs = 300;

/**
 * How many rows an export would have; says too what is wrong with its filters before anything is started.
 * @param {{ query: string | null, limit: string }} props
 */
export function Estimate({ query, limit }) {
  const settled = useSettled(query);
  const { data, error } = useQuery(settled === null ? null : `/v1/exports/estimate?${settled}`);
  const estimate = /** @type {import('../../types.ts').Estimate | null} */ (data);
  if (error && settled === query) return html`<${Failure} error=${error} title="These filters do not work" />`;
  const rows = estimate && Math.min(estimate.rows, Number(limit) || Infinity);
  return html`
    <p class="estimate" role="status">
      ${
        rows === null || settled !== query
          ? html`<span class="hint">Counting…</span>`
          : html`${estimate?.estimated ? 'About ' : ''}<strong>${countOf(rows, 'record')}</strong>`
      }
    </p>
  `;
}

/** @param {string | null} value @returns {string | null} the value once it has not changed for a moment */
function useSettled(value) {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), restMs);
    return () => clearTimeout(timer);
  }, [value]);
  return settled;
}
