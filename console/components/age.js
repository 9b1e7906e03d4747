import { html } from 'htm/preact';
import { useEffect, useState } from 'preact/hooks';
import { formatAge, formatTime } from '../state/figures.js';

const ticksMs = 15_000;

/** How long ago something was; it ages while it is looked at. @param {{ time: string }} props RFC 3339 */
export function Age({ time }) {
  const [, setTick] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => setTick((tick) => tick + 1), ticksMs);
    return () => clearInterval(timer);
  }, []);
  return html`<time datetime=${time} title=${formatTime(time)}>${formatAge(time)}</time>`;
}
