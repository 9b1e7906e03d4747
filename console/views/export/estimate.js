import { html } from 'htm/preact';
import { useEffect, useState } from 'preact/hooks';
import { ApiProblem } from '../../api/request.js';
import { Failure } from '../../components/failure.js';
import { countOf } from '../../state/figures.js';
import { useQuery } from '../../state/use-query.js';

/** After the last key. */
const restMs = 300;

/**
 * @typedef {object} EstimateState
 * @property {import('../../types.ts').Estimate | null} estimate null: not known yet
 * @property {Error | null} error
 * @property {boolean} refused there is no such export
 */

/**
 * How many rows an export would have; and what is wrong with its filters, before anything is started.
 * @param {string | null} query of the export; null: none can be asked for
 * @returns {EstimateState}
 */
export function useEstimate(query) {
  const settled = useSettled(query);
  const { data, error } = useQuery(settled === null ? null : `/v1/exports/estimate?${settled}`);
  if (settled !== query) return { estimate: null, error: null, refused: false };
  return { estimate: data, error, refused: error instanceof ApiProblem && error.status === 400 };
}

/** @param {Pick<EstimateState, 'estimate' | 'error'> & { title: string }} props title: of the error */
export function Estimate({ estimate, error, title }) {
  if (error) return html`<${Failure} error=${error} title=${title} />`;
  return html`
    <p class="estimate" role="status">
      ${
        estimate === null
          ? html`<span class="hint">Counting…</span>`
          : html`${estimate.estimated ? 'About ' : ''}<strong>${countOf(estimate.rows, 'record')}</strong>`
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
