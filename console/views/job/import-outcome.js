import { html } from 'htm/preact';
import { Notice } from '../../components/notice.js';
import { countOf, formatCount } from '../../state/figures.js';
import { sentence } from '../../state/sentence.js';

/** In words: what became of the file, once that is known. @param {{ job: import('../../types.ts').Import }} props */
export function ImportOutcome({ job }) {
  const { status, successful, failed, failure, resource } = job;
  if (status === 'completed' && failed === 0) {
    return html`<${Notice} kind="success" title="Everything is loaded" quiet>
      <p>${countOf(successful, 'record')} of this file ${successful === 1 ? 'is' : 'are'} in ${resource} now.</p>
    <//>`;
  }
  if (status === 'completed') {
    return html`<${Notice} kind="warning" title="${countOf(failed, 'record')} rejected" quiet>
      <p>${successful > 0 ? 'All others are loaded. To bring these in too:' : 'Nothing was loaded. To bring them in:'}</p>
      <ol>
        <li>Download the rejected records. Each says what is wrong with it.</li>
        <li>Correct them in that file. The reasons may stay: an import leaves them out.</li>
        <li>Import the corrected file.</li>
      </ol>
    <//>`;
  }
  if (status === 'failed' && failure) {
    return html`<${Notice} kind="error" title="The import ended early" quiet>
      <p>${sentence(failure.detail)}${failure.line ? ` Line ${formatCount(failure.line)}.` : ''}</p>
      <${Remainder} job=${job} />
    <//>`;
  }
  if (status === 'cancelled') {
    return html`<${Notice} kind="info" title="Cancelled" quiet>
      ${successful > 0 && html`<p>What was loaded before stays loaded.</p>`}
      <${Remainder} job=${job} />
    <//>`;
  }
  return null;
}

/** @param {{ job: import('../../types.ts').Import }} props */
function Remainder({ job: { successful, unprocessed = [] } }) {
  if (unprocessed.length === 0) return null;
  const ranges = unprocessed.map(({ from_line, to_line }) =>
    to_line === null
      ? `from line ${formatCount(from_line)} to the end`
      : `lines ${formatCount(from_line)} to ${formatCount(to_line)}`,
  );
  return html`<p>
    ${successful === 0 ? 'Nothing was loaded.' : `${countOf(successful, 'record')} loaded.`} Not looked at: ${ranges.join('; ')}.
  </p>`;
}
