import { html } from 'htm/preact';
import { render } from 'preact';
import { App } from './app.js';
import './state/dropped-files.js';

const root = document.getElementById('console');
if (root) render(html`<${App} />`, root);
