// The frame of the page: where one can go, what is the matter with the service, and the view that was asked for.
import { html } from 'htm/preact';
import { useEffect, useRef } from 'preact/hooks';
import { AwayBanner } from './components/away-banner.js';
import { Icon } from './components/icon.js';
import { KeyDialog } from './components/key-dialog.js';
import { keysInUse, keyWanted } from './state/api-key.js';
import { linkTo, route } from './state/route.js';
import { useStore } from './state/store.js';
import { ExportView } from './views/export/export-view.js';
import { ImportView } from './views/import/import-view.js';
import { ExportJobView } from './views/job/export-job-view.js';
import { ImportJobView } from './views/job/import-job-view.js';
import { JobsView } from './views/jobs/jobs-view.js';
import { NoView } from './views/no-view.js';
import { OverviewView } from './views/overview/overview-view.js';

/** @type {Record<string, { title: string, show: import('preact').ComponentType<any>, place: string }>} */
const views = {
  import: { title: 'Import a file', show: ImportView, place: 'import' },
  export: { title: 'Export', show: ExportView, place: 'export' },
  jobs: { title: 'Jobs', show: JobsView, place: 'jobs' },
  overview: { title: 'Overview', show: OverviewView, place: 'overview' },
  imports: { title: 'Import', show: ImportJobView, place: 'jobs' },
  exports: { title: 'Export job', show: ExportJobView, place: 'jobs' },
};
const nowhere = { title: 'Nothing here', show: NoView, place: '' };

const places = [
  ['import', 'Import', 'upload'],
  ['export', 'Export', 'download'],
  ['jobs', 'Jobs', 'list'],
  ['overview', 'Overview', 'chart'],
];

/** Beside this file, whatever version of the page it is. */
const icon = new URL('icon.svg', import.meta.url).href;

export function App() {
  const { view, id, query } = useStore(route);
  const withKeys = useStore(keysInUse);
  const { title, show: View, place } = views[view] ?? nowhere;
  const isFirst = useRef(true);
  useEffect(() => {
    document.title = `${title} – Bulk import and export`;
    scrollTo(0, 0);
    // Who hears the page learns that it is another one. Not at the first: there the page's title is read.
    if (!isFirst.current) document.querySelector('h1')?.focus();
    isFirst.current = false;
  }, [view, id]);
  return html`
    <a class="skip" href="#main" onClick=${skipToMain}>Skip to the content</a>
    <header class="shell-header">
      <a class="brand" href=${linkTo('import')}><img src=${icon} alt="" width="24" height="24" />Bulk</a>
      <nav aria-label="Main">
        ${places.map(
          ([name = '', text, symbol]) => html`
            <a key=${name} class="place" href=${linkTo(name)} aria-current=${name === place ? 'page' : undefined}>
              <${Icon} name=${symbol} /><span>${text}</span>
            </a>
          `,
        )}
      </nav>
      ${
        withKeys &&
        html`<button type="button" class="button button-quiet key-button" onClick=${() => keyWanted.set('change')}>
          <${Icon} name="key" /><span>API key</span>
        </button>`
      }
    </header>
    <${AwayBanner} />
    <main id="main" tabindex="-1"><${View} key=${`${view}/${id}`} id=${id} query=${query} /></main>
    <${KeyDialog} />
  `;
}

/** @param {Event} event */
function skipToMain(event) {
  // The part of the address behind the # says which view is shown.
  event.preventDefault();
  document.getElementById('main')?.focus();
}
