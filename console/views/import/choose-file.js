import { html } from 'htm/preact';
import { useEffect, useState } from 'preact/hooks';
import { Icon } from '../../components/icon.js';
import { holdsFiles } from '../../state/dropped-files.js';
import { formatBytes } from '../../state/figures.js';

/**
 * Takes a file by dialog, or dropped anywhere on the page.
 * @param {{ file: File | null, locked: boolean, onChoose: (file: File) => void }} props locked: it is being sent
 */
export function ChooseFile({ file, locked, onChoose }) {
  const [over, setOver] = useState(false);
  useEffect(() => {
    const leaving = new AbortController();
    const { signal } = leaving;
    addEventListener('dragover', (event) => setOver(!locked && holdsFiles(event)), { signal });
    addEventListener('dragleave', (event) => event.relatedTarget === null && setOver(false), { signal });
    addEventListener(
      'drop',
      (event) => {
        setOver(false);
        const [dropped] = event.dataTransfer?.files ?? [];
        if (dropped && !locked) onChoose(dropped);
      },
      { signal },
    );
    return () => leaving.abort();
  }, [locked, onChoose]);

  /** @param {any} event */
  const choose = ({ currentTarget }) => {
    const [chosen] = currentTarget.files;
    // The same file again, once it is mended, is a choice too.
    currentTarget.value = '';
    if (chosen) onChoose(chosen);
  };
  return html`
    <div class="drop ${over ? 'drop-over' : ''} ${file ? 'drop-filled' : ''}">
      <input class="visually-hidden" type="file" id="file" disabled=${locked}
        aria-describedby="file-hint" onChange=${choose} />
      <label for="file">
        <${Icon} name=${file ? 'file' : 'upload'} />
        <span class="drop-text">
          ${
            file
              ? html`<strong>${file.name}</strong><span class="hint">${formatBytes(file.size)}</span>`
              : html`<strong>Drop a file here, or choose one</strong>`
          }
        </span>
        <span class="button" aria-hidden="true">${file ? 'Choose another' : 'Choose a file'}</span>
      </label>
      <p class="hint" id="file-hint" hidden=${file !== null}>
        CSV, NDJSON (JSON Lines) or a JSON array, also gzipped. Nothing is loaded before you say so.
      </p>
    </div>
  `;
}
