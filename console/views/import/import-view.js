// From a file to a job: choose it, see what the service makes of it, correct that, send it.
import { html } from 'htm/preact';
import { useCallback, useState } from 'preact/hooks';
import { Notice } from '../../components/notice.js';
import { go } from '../../state/route.js';
import { useResources } from '../../state/use-resources.js';
import { ChooseFile } from './choose-file.js';
import { FileOptions } from './file-options.js';
import { PreviewPanel } from './preview-panel.js';
import { UploadPanel } from './upload-panel.js';
import { usePreview } from './use-preview.js';

/**
 * @typedef {object} Choices what a person has corrected; empty: as guessed
 * @property {string} resource
 * @property {string} format
 * @property {string} delimiter
 */

/**
 * @param {{ query: { resource?: string, corrects?: string, loaded?: string } }} props corrects: name of the file that is
 *   mended; loaded: there, when some of it is loaded already
 */
export function ImportView({ query: { resource: asked = '', corrects, loaded } }) {
  const [file, setFile] = useState(/** @type {File | null} */ (null));
  const [choices, setChoices] = useState(/** @type {Choices} */ ({ resource: asked, format: '', delimiter: '' }));
  const [sending, setSending] = useState(false);
  // Asked for before there is a file: an API key that is wanted is asked for first.
  const known = useResources();
  const { preview, error } = usePreview(file, choices);

  const choose = useCallback(
    (/** @type {File} */ chosen) => {
      setSending(false);
      setFile(chosen);
      setChoices({ resource: asked, format: '', delimiter: '' });
    },
    [asked],
  );
  const resource = choices.resource || preview?.resource || '';
  /** @type {Record<string, string>} */
  const options = { resource, ...(choices.format && { format: choices.format }) };
  if (choices.delimiter) options.delimiter = choices.delimiter;

  const send = (/** @type {boolean} */ going) => {
    setSending(going);
    // What was guessed holds from here on, whatever becomes of the preview: a retry is to be the same request.
    if (going) setChoices({ ...choices, resource });
  };

  return html`
    <h1 tabindex="-1">Import a file</h1>
    ${
      corrects
        ? html`<${Notice} kind="info" quiet>
            <p>
              Choose the corrected version of <strong>${corrects}</strong>.
              ${
                loaded &&
                ' It need hold only what was not loaded: records that are in already stay as they are, and are rejected as duplicates.'
              }
            </p>
          <//>`
        : html`<p class="lead">Every record is checked. Good ones are loaded, bad ones are listed with line and reason.</p>`
    }
    <${ChooseFile} file=${file} locked=${sending} onChoose=${choose} />
    ${
      file &&
      html`
        <${FileOptions} known=${known} choices=${{ ...choices, resource }} preview=${preview} locked=${sending}
          onChange=${(/** @type {Partial<Choices>} */ change) => setChoices({ ...choices, ...change })} />
        <${UploadPanel} key=${`${file.name} ${file.lastModified} ${JSON.stringify(options)}`} file=${file}
          options=${options} ready=${resource !== ''} onSending=${send}
          onAccepted=${(/** @type {string} */ id) => go(`imports/${id}`)} />
        <${PreviewPanel} preview=${preview} error=${error} hasResource=${resource !== ''} />
      `
    }
  `;
}
