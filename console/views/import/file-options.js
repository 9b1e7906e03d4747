import { html } from 'htm/preact';
import { Select } from '../../components/select.js';
import { useResources } from '../../state/use-resources.js';

const delimiters = /** @type {const} */ ([
  [',', 'Comma'],
  [';', 'Semicolon'],
  ['tab', 'Tab'],
]);

/**
 * What the file is taken for; each can be corrected.
 * @param {{
 *   choices: import('./import-view.js').Choices, preview: import('../../types.ts').Preview | null, locked: boolean,
 *   onChange: (change: Partial<import('./import-view.js').Choices>) => void,
 * }} props
 */
export function FileOptions({ choices, preview, locked, onChange }) {
  const { resources, formats } = useResources();
  const format = choices.format || preview?.format || '';
  const delimiter = choices.delimiter || nameOfDelimiter(preview?.delimiter);
  const guessed = choices.resource !== '' && choices.resource === preview?.resource_guess;
  return html`
    <fieldset class="options" disabled=${locked}>
      <legend class="visually-hidden">How the file is read</legend>
      <${Select} id="resource" label="Resource" value=${choices.resource}
        hint=${choices.resource === '' ? 'Which table is this for?' : guessed ? 'Guessed from the columns' : ''}
        options=${[...(choices.resource === '' ? [/** @type {const} */ (['', 'Choose…'])] : []), ...resources.map(({ name }) => name)]}
        onChoose=${(/** @type {string} */ resource) => onChange({ resource })} />
      <${Select} id="format" label="Format" value=${format}
        options=${[...(format === '' ? [/** @type {const} */ (['', 'Choose…'])] : []), ...formats.map(({ name }) => /** @type {const} */ ([name, name.toUpperCase()]))]}
        onChoose=${(/** @type {string} */ chosen) => onChange({ format: chosen, delimiter: '' })} />
      ${
        format === 'csv' &&
        html`<${Select} id="delimiter" label="Delimiter" value=${delimiter}
          options=${delimiter === '' ? [['', 'Found in the header'], ...delimiters] : delimiters}
          onChoose=${(/** @type {string} */ chosen) => onChange({ delimiter: chosen })} />`
      }
    </fieldset>
  `;
}

/** @param {string | null | undefined} delimiter as the service tells it */
function nameOfDelimiter(delimiter) {
  return delimiter === '\t' ? 'tab' : (delimiter ?? '');
}
