import { html } from 'htm/preact';
import { render } from 'preact';
import { App } from './app.js';

const root = document.getElementById('console');
if (root) render(html`<${App} />`, root);
